// What the colours mean, and which of them are shown: values can be hidden one by one, amounts outside of a range.

import { element } from "./dom.js";

export class Legend {
  constructor(changed) {
    this.changed = changed;
    this.hidden = new Set();
    this.range = [0, 1];
    this.root = element("div", { class: "legend", role: "group", "aria-label": "Legend" });
  }

  // `kept` is what the address says of this colouring.
  set(colouring, kept) {
    this.colouring = colouring;
    this.hidden = new Set();
    this.range = [0, 1];
    const [name, codes, low, high] = kept.split("~");
    if (name === colouring.name) {
      for (const code of (codes ?? "").split(".").filter(Boolean)) this.hidden.add(Number(code));
      if (Number(high) > Number(low)) this.range = [Number(low), Number(high)];
    }
    this.show();
  }

  toText() {
    const codes = [...this.hidden].sort((a, b) => a - b).join(".");
    const whole = this.range[0] === 0 && this.range[1] === 1;
    if (!codes && whole) return "";
    return [this.colouring.name, codes, ...(whole ? [] : this.range)].join("~");
  }

  show() {
    const { entries, ticks, title } = this.colouring;
    const parts = [element("span", { class: "title" }, title)];
    if (ticks.length) parts.push(this.scale(ticks));
    for (const entry of entries) parts.push(this.entry(entry, ticks.length > 0));
    const held = this.root.getRootNode().activeElement?.dataset?.code; // who goes by keys stays where they are
    this.root.replaceChildren(...parts);
    if (held !== undefined) this.root.querySelector(`[data-code="${held}"]`)?.focus();
  }

  entry({ code, name, colour, count }, alone) {
    const shown = !this.hidden.has(code);
    const dot = element("i", { "aria-hidden": "true" });
    dot.style.background = colour;
    dot.style.opacity = code < (alone ? 1 : 2) ? 0.5 : 1; // as on the map
    return element("button", {
      type: "button", class: "entry", "aria-pressed": String(shown), "data-code": code,
      title: shown ? `Hide; double click shows it alone` : "Show",
      onclick: () => {
        if (!this.hidden.delete(code)) this.hidden.add(code);
        this.show();
        this.changed();
      },
      ondblclick: () => {
        if (alone) return;
        this.hidden = new Set(this.colouring.entries.map((entry) => entry.code).filter((other) => other !== code));
        this.show();
        this.changed();
      },
    }, dot, element("span", {}, name), element("small", {}, count.toLocaleString("en")));
  }

  scale(ticks) {
    const bar = element("div", { class: "bar" });
    bar.style.background = `linear-gradient(90deg, ${[0, 0.2, 0.4, 0.6, 0.8, 1].map((share) => this.colouring.palette[1 + Math.round(share * 254)]).join(",")})`;
    const handle = (side, label) => element("input", {
      type: "range", min: 0, max: 1, step: 0.01, value: this.range[side], "aria-label": label,
      oninput: (event) => {
        const value = Number(event.target.value);
        this.range[side] = side ? Math.max(value, this.range[0] + 0.01) : Math.min(value, this.range[1] - 0.01);
        event.target.value = this.range[side];
        this.changed();
      },
    });
    return element("div", { class: "scale" },
      element("div", { class: "track" }, bar, handle(0, "Smallest shown"), handle(1, "Largest shown")),
      element("div", { class: "ticks" }, ...ticks.map(([, text]) => element("span", {}, text))));
  }

  // The palette as bytes: 0 hides a value; what has no name of its own is fainter.
  bytes() {
    const { palette, ticks } = this.colouring;
    const made = new Uint8Array(256 * 4);
    palette.forEach((colour, code) => {
      const within = !ticks.length || code === 0 || ((code - 1) / 254 >= this.range[0] - 1e-9 && (code - 1) / 254 <= this.range[1] + 1e-9);
      for (let channel = 0; channel < 3; channel += 1) made[4 * code + channel] = parseInt(colour.slice(1 + 2 * channel, 3 + 2 * channel), 16);
      const unnamed = ticks.length ? code === 0 : code < 2;
      made[4 * code + 3] = this.hidden.has(code) || !within ? 0 : unnamed ? 120 : 255;
    });
    return made;
  }
}

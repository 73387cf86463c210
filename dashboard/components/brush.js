// A histogram with a range that one drags: what there is in grey, what meets every other condition in colour.
// The two ends are sliders for the keyboard and fields for exact values.

import { clamp, element } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const DAY = 86400;

export class Brush {
  constructor(tell) {
    this.tell = tell;
    this.plot = element("div", { class: "plot", onpointerdown: (event) => this.pressed(event) });
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.svg.setAttribute("role", "img");
    this.window = element("div", { class: "window" });
    this.handles = [0, 1].map((side) => element("div", {
      class: "handle", role: "slider", tabindex: "0", onkeydown: (event) => this.key(event, side),
    }));
    this.plot.append(this.svg, this.window, ...this.handles);
    this.fields = [0, 1].map((side) => element("input", { class: "end", onchange: (event) => this.typed(event, side) }));
    this.clear = element("button", { type: "button", class: "more", onclick: () => this.set(null) }, "all");
    this.title = element("span");
    this.root = element("div", { class: "span" },
      element("div", { class: "head" }, this.title, this.clear), this.plot,
      element("div", { class: "ends" }, this.fields[0], element("span", { "aria-hidden": "true" }, "to"), this.fields[1]));
  }

  update(span) {
    this.span = span;
    this.title.textContent = span.title;
    this.clear.dataset.key = `all ${span.name}`;
    this.long = span.kind === "time" && span.high - span.low > 3 * DAY;
    for (const side of [0, 1]) {
      this.fields[side].type = span.kind === "number" ? "number" : this.long ? "date" : "datetime-local";
      if (span.kind === "number") this.fields[side].step = span.step;
      this.fields[side].dataset.key = `end ${span.name} ${side}`;
      this.fields[side].setAttribute("aria-label", `${span.title}, ${side ? "up to" : "from"}`);
      this.handles[side].dataset.key = `handle ${span.name} ${side}`;
      this.handles[side].setAttribute("aria-label", `${span.title}, ${side ? "up to" : "from"}`);
      this.handles[side].setAttribute("aria-valuemin", span.low);
      this.handles[side].setAttribute("aria-valuemax", span.high);
    }
    this.ends = span.ends ? [...span.ends] : [span.low, span.high];
    this.draw();
    this.place();
  }

  draw() {
    const { whole, now, title } = this.span;
    const most = Math.sqrt(Math.max(1, ...whole));
    this.svg.setAttribute("viewBox", `0 0 ${whole.length} 1`);
    const bars = [];
    for (const [kind, counts] of [["whole", whole], ["now", now]]) {
      counts.forEach((count, place) => {
        if (count === 0) return;
        const bar = document.createElementNS(SVG, "rect");
        const height = Math.max(0.04, Math.sqrt(count) / most);
        for (const [name, value] of [["class", kind], ["x", place + 0.06], ["width", 0.88], ["y", 1 - height], ["height", height]]) {
          bar.setAttribute(name, value);
        }
        bars.push(bar);
      });
    }
    this.svg.replaceChildren(...bars);
    const total = now.reduce((sum, count) => sum + count, 0);
    const all = whole.reduce((sum, count) => sum + count, 0);
    this.svg.setAttribute("aria-label", `Histogram of ${title}: ${total} of ${all}`);
    this.plot.title = `${total.toLocaleString("en")} of ${all.toLocaleString("en")} meet the other conditions. `
      + "Heights grow with the square root of the count. Drag for a range.";
  }

  place() {
    const [left, right] = this.ends.map((end) => 100 * this.share(end));
    this.window.style.left = `${left}%`;
    this.window.style.width = `${right - left}%`;
    const narrowed = this.ends[0] > this.span.low || this.ends[1] < this.span.high;
    this.plot.classList.toggle("narrowed", narrowed);
    this.clear.disabled = !narrowed;
    [left, right].forEach((place, side) => {
      this.handles[side].style.left = `${place}%`;
      this.handles[side].setAttribute("aria-valuenow", this.ends[side]);
      this.handles[side].setAttribute("aria-valuetext", this.words(this.ends[side]));
      this.fields[side].value = this.words(this.ends[side]);
    });
  }

  share(value) {
    const { low, high } = this.span;
    return high > low ? clamp((value - low) / (high - low), 0, 1) : 0;
  }

  words(value) {
    if (this.span.kind === "number") return String(Number(value.toFixed(this.span.step < 1 ? 3 : 0)));
    return new Date(value * 1000).toISOString().slice(0, this.long ? 10 : 16);
  }

  value(event) {
    const box = this.plot.getBoundingClientRect();
    const { low, high } = this.span;
    return low + clamp((event.clientX - box.left) / box.width, 0, 1) * (high - low);
  }

  pressed(event) {
    if (event.button !== 0) return;
    const begun = this.value(event);
    const before = [...this.ends];
    const box = this.plot.getBoundingClientRect();
    const near = this.ends.map((end) => Math.abs(this.share(end) * box.width - (event.clientX - box.left)));
    const side = near[0] < near[1] ? 0 : 1;
    const narrowed = this.plot.classList.contains("narrowed");
    const way = near[side] < 9 ? "end" : narrowed && begun > before[0] && begun < before[1] ? "all" : "new";
    this.plot.setPointerCapture(event.pointerId);
    const move = (moved) => {
      const here = this.value(moved);
      if (way === "end") {
        this.ends[side] = side ? Math.max(here, before[0]) : Math.min(here, before[1]);
      } else if (way === "new") {
        this.ends = [Math.min(begun, here), Math.max(begun, here)];
      } else {
        const by = clamp(here - begun, this.span.low - before[0], this.span.high - before[1]);
        this.ends = before.map((end) => end + by);
      }
      this.place();
    };
    const done = (up) => {
      this.plot.removeEventListener("pointermove", move);
      if (Math.abs(up.clientX - event.clientX) < 3) {
        this.ends = before;
        this.place();
      } else {
        this.set(this.ends);
      }
    };
    this.plot.addEventListener("pointermove", move);
    this.plot.addEventListener("pointerup", done, { once: true });
    this.plot.addEventListener("pointercancel", done, { once: true });
    event.preventDefault();
    if (way === "end") this.handles[side].focus({ preventScroll: true });
  }

  key(event, side) {
    const { low, high } = this.span;
    const step = (high - low) / 100;
    const by = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step, PageDown: -10 * step, PageUp: 10 * step };
    const to = { Home: side ? this.ends[0] : low, End: side ? high : this.ends[1] };
    if (!(event.key in by) && !(event.key in to)) return;
    const wished = event.key in to ? to[event.key] : this.ends[side] + by[event.key];
    this.ends[side] = side ? clamp(wished, this.ends[0], high) : clamp(wished, low, this.ends[1]);
    this.place();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.set(this.ends), 350);
    event.preventDefault();
  }

  typed(event, side) {
    const { kind } = this.span;
    const text = event.target.value;
    let value = kind === "number" ? Number(text) : Date.parse(`${text}${text.length > 10 ? ":00" : "T00:00:00"}Z`) / 1000;
    if (text === "" || !Number.isFinite(value)) {
      this.place();
      return;
    }
    if (kind === "time" && side) value += this.long ? DAY - 1 : 59;
    const ends = [...this.ends];
    ends[side] = value;
    this.set(ends[0] <= ends[1] ? ends : [value, value]);
  }

  set(ends) {
    const { low, high, step } = this.span;
    if (ends === null || (ends[0] <= low && ends[1] >= high)) {
      this.tell(null);
      return;
    }
    const digits = step < 1 ? 3 : 0;
    this.tell([Number((Math.floor(ends[0] / step) * step).toFixed(digits)), Number((Math.ceil(ends[1] / step) * step).toFixed(digits))]);
  }
}

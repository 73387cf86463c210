// Choosing a concept by typing, the ones used last on top; and the sheet of keys.

import { element, recall, remember } from "./dom.js";

const SHOWN = 8;

export class Picker {
  constructor() {
    this.names = [];
    this.recents = [];
    this.input = element("input", {
      type: "text", maxlength: 200, autocomplete: "off", spellcheck: "false", role: "combobox", "aria-expanded": "true",
      "aria-controls": "concepts", "aria-label": "Name of what is seen", oninput: () => this.filter(),
    });
    this.list = element("ul", { id: "concepts", role: "listbox", "aria-label": "Concepts" });
    this.title = element("p", { class: "title" });
    this.root = element("div", { class: "picker", role: "dialog", "aria-label": "Concept", hidden: true },
      this.title, this.input, this.list, element("p", { class: "hint" }, "Enter takes it, ↑ ↓ choose, Esc leaves"));
    this.input.addEventListener("keydown", (event) => this.key(event));
  }

  setNames(names, store) {
    this.names = names.map(([name, count]) => ({ name, count, lower: name.toLowerCase() }));
    this.store = store;
    try {
      this.recents = JSON.parse(recall(store) ?? "[]").filter((name) => typeof name === "string").slice(0, SHOWN);
    } catch {
      this.recents = [];
    }
  }

  used(name) {
    this.recents = [name, ...this.recents.filter((one) => one !== name)].slice(0, SHOWN);
    if (!this.names.some((one) => one.name === name)) this.names.push({ name, count: 0, lower: name.toLowerCase() });
    if (this.store) remember(this.store, JSON.stringify(this.recents));
  }

  // Ask for a name; resolves to it, to "" for none, or to null when left.
  ask(title) {
    this.close(null);
    this.title.textContent = title;
    this.input.value = "";
    this.root.hidden = false;
    this.filter();
    this.input.focus();
    return new Promise((resolve) => { this.resolve = resolve; });
  }

  close(name) {
    this.root.hidden = true;
    const { resolve } = this;
    this.resolve = null;
    resolve?.(name);
  }

  get open() {
    return !this.root.hidden;
  }

  filter() {
    const typed = this.input.value.trim();
    this.found = this.matching(typed);
    // Keys that were meant for the pictures are no name.
    if (/\p{L}/u.test(typed) && !this.found.some((one) => one.name === typed)) this.found.push({ name: typed, fresh: true });
    this.active = 0;
    this.paint();
  }

  matching(typed) {
    if (!typed) {
      const rest = this.names.filter((one) => !this.recents.includes(one.name));
      return [...this.recents.map((name) => ({ name, recent: true })), ...rest].slice(0, SHOWN);
    }
    const wanted = typed.toLowerCase();
    const rank = (one) => (one.lower.startsWith(wanted) ? 0 : one.lower.split(/[\s/()-]+/).some((word) => word.startsWith(wanted)) ? 1 : 2);
    const order = (one) => [this.recents.includes(one.name) ? 0 : 1, rank(one), -one.count];
    return this.names
      .filter((one) => one.lower.includes(wanted))
      .sort((a, b) => {
        const [x, y] = [order(a), order(b)];
        return x[1] - y[1] || x[0] - y[0] || x[2] - y[2] || a.lower.localeCompare(b.lower);
      })
      .slice(0, SHOWN);
  }

  paint() {
    this.list.replaceChildren(...this.found.map((one, at) => {
      const remark = one.fresh ? "a new name" : one.recent ? "used last" : one.count ? `${one.count.toLocaleString("en")} pictures` : "";
      const line = element("li", { role: "option", id: `concept-${at}`, "aria-selected": String(at === this.active),
        onpointerdown: (event) => { event.preventDefault(); this.take(at); } });
      line.append(element("span", {}, one.name), element("small", {}, remark));
      return line;
    }));
    if (this.found.length) this.input.setAttribute("aria-activedescendant", `concept-${this.active}`);
  }

  take(at) {
    const one = this.input.value.trim() || at > 0 || this.moved ? this.found[at] : null;
    this.moved = false;
    this.close(one ? one.name : "");
  }

  key(event) {
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves && this.found.length) {
      this.active = (this.active + moves[event.key] + this.found.length) % this.found.length;
      this.moved = true;
      this.paint();
    } else if (event.key === "Tab" && this.found.length) {
      this.input.value = this.found[this.active].name;
      this.filter();
    } else if (event.key === "Enter") this.take(this.active);
    else if (event.key === "Escape") {
      this.moved = false;
      this.close(null);
    } else {
      event.stopPropagation();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}

export function keySheet(rows, close) {
  const list = element("dl", {});
  for (const [key, meaning] of rows) list.append(element("dt", {}, key), element("dd", {}, meaning));
  return element("div", { class: "keys", role: "dialog", "aria-label": "Keys", onclick: close }, element("p", { class: "title" }, "Keys"),
    list, element("p", { class: "hint" }, "Any key closes this."));
}

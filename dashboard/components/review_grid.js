// Many pictures of the queue at once: chosen by mouse or keys, decided together.

import { clamp, element } from "./dom.js";

const SHOWN = 24;

export class Grid {
  constructor(changed) {
    this.changed = changed;
    this.root = element("div", { class: "tiles", role: "listbox", "aria-multiselectable": "true", "aria-label": "Pictures of the queue", hidden: true });
    this.items = [];
    this.marked = new Set();
    this.active = 0;
  }

  set(items, shown) {
    this.items = items.slice(0, SHOWN);
    const here = new Set(this.items.map((item) => item.region));
    for (const region of this.marked) if (!here.has(region)) this.marked.delete(region);
    this.active = clamp(this.active, 0, Math.max(0, this.items.length - 1));
    if (shown) this.paint();
  }

  // What a verdict goes to: everything marked, else the one that the keys are at.
  chosen() {
    const marked = this.items.filter((item) => this.marked.has(item.region));
    return marked.length ? marked : this.items.slice(this.active, this.active + 1);
  }

  columns() {
    return Math.max(1, getComputedStyle(this.root).gridTemplateColumns.split(" ").length);
  }

  move(dx, dy, extend) {
    if (extend) this.marked.add(this.items[this.active]?.region);
    this.active = clamp(this.active + dx + dy * this.columns(), 0, Math.max(0, this.items.length - 1));
    if (extend) this.marked.add(this.items[this.active]?.region);
    this.paint();
    this.root.children[this.active]?.scrollIntoView({ block: "nearest" });
    this.changed();
  }

  toggle(at = this.active) {
    const region = this.items[at]?.region;
    if (region === undefined) return;
    this.active = at;
    if (!this.marked.delete(region)) this.marked.add(region);
    this.paint();
    this.changed();
  }

  all() {
    for (const item of this.items) this.marked.add(item.region);
    this.paint();
    this.changed();
  }

  none() {
    this.marked.clear();
    this.paint();
    this.changed();
  }

  paint() {
    this.root.replaceChildren(...this.items.map((item, at) => {
      const tile = element("div", {
        class: `tile${at === this.active ? " active" : ""}${item.flagged ? " flagged" : ""}`, role: "option",
        "aria-selected": String(this.marked.has(item.region)), onclick: () => this.toggle(at),
      }, element("img", { src: item.preview, alt: item.name, draggable: "false" }),
      element("span", {}, `score ${item.score}${item.repeats ? ` · ${item.repeats} alike` : ""}`));
      return tile;
    }));
  }
}

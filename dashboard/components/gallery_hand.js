// What people do in a gallery with mouse and keyboard: go through it, choose pictures, open one.

import { clamp } from "./dom.js";
import { Ranges } from "./ranges.js";

export class Hand {
  // `changed` draws anew, `told` takes the chosen ranges to the server, `opened` one picture's index.
  constructor(view, grid, { cellAt, changed, told, opened }) {
    Object.assign(this, { view, grid, cellAt, changed, told, opened });
    this.begin({ count: 0, selectable: false });
    view.addEventListener("keydown", (event) => this.key(event));
    view.addEventListener("pointerdown", (event) => this.pressed(event));
    view.addEventListener("dblclick", (event) => this.doubled(event));
  }

  // Another list: `selection` is what is chosen in it from the start.
  begin({ count, selectable, selection }) {
    clearTimeout(this.telling); // what was chosen in the list before
    this.telling = 0;
    this.follow({ count, selectable });
    this.selected = new Ranges(selection ?? []);
    this.active = this.anchor = 0;
  }

  // The same list, which may have begun or ceased to be for choosing.
  follow({ count, selectable }) {
    this.count = count;
    this.selectable = selectable;
  }

  has(index) {
    return this.selectable && this.selected.has(index);
  }

  get chosen() {
    return this.selectable ? this.selected.size : 0;
  }

  pressed(event) {
    const cell = this.cellAt(event);
    if (!cell || event.button !== 0) return;
    this.active = cell.index;
    if (!this.selectable) this.press(event, cell.index);
    else if (event.shiftKey) {
      event.preventDefault();
      this.extend(event.ctrlKey || event.metaKey);
    } else {
      this.pick(event.composedPath().includes(cell.tick) || event.ctrlKey || event.metaKey);
    }
    this.view.focus({ preventScroll: true });
    this.changed();
  }

  // A press opens when it is let go where it began; else it was a drag.
  press(down, index) {
    const open = (up) => {
      if (Math.hypot(up.clientX - down.clientX, up.clientY - down.clientY) < 6) this.open(index);
    };
    this.view.addEventListener("pointerup", open, { once: true });
  }

  doubled(event) {
    const cell = this.cellAt(event);
    if (cell && this.selectable && !event.composedPath().includes(cell.tick)) this.open(cell.index);
  }

  // Choose the active picture: beside the others, or alone.
  pick(beside) {
    if (beside) this.selected.toggle(this.active);
    else {
      this.selected.clear();
      this.selected.add(this.active);
    }
    this.anchor = this.active;
    this.tell();
  }

  // Choose from where the last choice was made to the active picture.
  extend(beside) {
    if (!beside) this.selected.clear();
    this.selected.add(Math.min(this.anchor, this.active), Math.max(this.anchor, this.active));
    this.tell();
  }

  all() {
    if (this.count > 0) this.selected.add(0, this.count - 1);
    this.tell();
    this.changed();
  }

  none() {
    this.selected.clear();
    this.tell();
    this.changed();
  }

  open(index) {
    // A selection still to be told would start a second run of the page and could cut off the one that opens.
    if (this.telling) this.tell(1200);
    this.opened(index);
  }

  tell(delay = 180) {
    if (!this.selectable) return;
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      this.telling = 0;
      this.told(this.selected.pairs.map((pair) => [...pair]));
    }, delay);
  }

  key(event) {
    if (this.count === 0) return;
    const { ctrlKey, metaKey, altKey } = event;
    if (!ctrlKey && !metaKey && !altKey && this.step(event)) this.grid.reveal(this.active);
    else if (event.key === " " && this.selectable) this.pick(true);
    else if (event.key === "Enter" || event.key === " ") this.open(this.active);
    else if (event.key.toLowerCase() === "a" && (ctrlKey || metaKey) && this.selectable) this.all();
    else if (event.key === "Escape" && this.chosen > 0) this.none();
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.changed();
  }

  // Whether the key went somewhere; a step over the edge stays where it is, a jump goes as far as there is.
  step({ key, shiftKey }) {
    const { count, grid } = this;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -grid.line, ArrowDown: grid.line };
    const jumps = { PageUp: -grid.screen, PageDown: grid.screen, Home: -count, End: count };
    const step = steps[key] ?? jumps[key];
    if (step === undefined) return false;
    const target = this.active + step;
    if (key in jumps || (target >= 0 && target < count)) this.active = clamp(target, 0, count - 1);
    if (this.selectable && shiftKey) this.extend(false);
    else this.anchor = this.active;
    return true;
  }

  destroy() {
    clearTimeout(this.telling);
  }
}

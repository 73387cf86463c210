// The card at the point under the pointer: its picture, and what is known of it, as text.

import { element } from "./dom.js";

const PICTURE = 176;

export class Hover {
  constructor() {
    this.target = null;
    this.canvas = element("canvas", { width: PICTURE * 2, height: 4 });
    this.name = element("div", { class: "name" });
    this.lines = element("div", { class: "lines" });
    this.root = element("div", { class: "card", role: "status", hidden: true }, this.canvas, this.name, this.lines);
  }

  // Row of this map's own region under the pointer, or -1.
  get row() {
    return this.target && !this.target.guest ? this.target.row : -1;
  }

  is(target) {
    return this.target?.row === target?.row && this.target?.cards === target?.cards;
  }

  // `target` is `{ cards, row }`, with lines of its own in `guest` where its place is approximate; null hides the card.
  async show(target, at, room) {
    this.at = at;
    this.room = room;
    if (this.is(target)) return this.place();
    this.target = target;
    if (!target) {
      this.root.hidden = true;
      delete this.root.dataset.row;
      return undefined;
    }
    const { cards, row } = target;
    if (!cards.get(row)) await cards.want([row]);
    const card = cards.get(row);
    if (this.target !== target || !card) return undefined;
    this.name.textContent = card.item.name;
    const lines = target.guest ?? card.item.lines; // a guest's own score and cluster are those of another run
    this.lines.replaceChildren(...lines.map((line) => element("div", {}, line)));
    const height = Math.min(PICTURE, PICTURE / card.item.aspect);
    this.canvas.height = height * 2;
    this.canvas.style.height = `${height}px`;
    const context = this.canvas.getContext("2d");
    const side = card.item.aspect >= 1 ? PICTURE * 2 : height * 2;
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.canvas.hidden = !cards.draw(context, row, PICTURE, height, side);
    this.root.hidden = false;
    this.root.dataset.row = target.guest ? `guest ${row}` : row;
    return this.place();
  }

  place() {
    const [x, y] = this.at;
    const { offsetWidth: width, offsetHeight: height } = this.root;
    const left = x + 18 + width > this.room[0] ? x - 18 - width : x + 18;
    this.root.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, Math.min(this.room[1] - height - 4, y - height / 2))}px)`;
  }

  hide() {
    this.show(null, [0, 0], [0, 0]);
  }
}

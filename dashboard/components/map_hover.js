// The card at the point under the pointer: its picture, and what is known of it, as text.

import { element } from "./dom.js";

const PICTURE = 176;

export class Hover {
  constructor(cards) {
    this.cards = cards;
    this.row = -1;
    this.canvas = element("canvas", { width: PICTURE * 2, height: 4 });
    this.name = element("div", { class: "name" });
    this.lines = element("div", { class: "lines" });
    this.root = element("div", { class: "card", role: "status", hidden: true }, this.canvas, this.name, this.lines);
  }

  async show(row, at, room) {
    this.at = at;
    this.room = room;
    if (row === this.row) return this.place();
    this.row = row;
    if (row < 0) {
      this.root.hidden = true;
      delete this.root.dataset.row;
      return undefined;
    }
    if (!this.cards.get(row)) await this.cards.want([row]);
    const card = this.cards.get(row);
    if (this.row !== row || !card) return undefined;
    this.name.textContent = card.item.name;
    this.lines.replaceChildren(...card.item.lines.map((line) => element("div", {}, line)));
    const height = Math.min(PICTURE, PICTURE / card.item.aspect);
    this.canvas.height = height * 2;
    this.canvas.style.height = `${height}px`;
    const context = this.canvas.getContext("2d");
    const side = card.item.aspect >= 1 ? PICTURE * 2 : height * 2;
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.canvas.hidden = !this.cards.draw(context, row, PICTURE, height, side);
    this.root.hidden = false;
    this.root.dataset.row = row;
    return this.place();
  }

  place() {
    const [x, y] = this.at;
    const { offsetWidth: width, offsetHeight: height } = this.root;
    const left = x + 18 + width > this.room[0] ? x - 18 - width : x + 18;
    this.root.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, Math.min(this.room[1] - height - 4, y - height / 2))}px)`;
  }

  hide() {
    this.show(-1, [0, 0], [0, 0]);
  }
}

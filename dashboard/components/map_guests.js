// What is laid over the map from elsewhere: hollow squares, since where they stand is approximate.

import { Cards, Sheet } from "./map_cards.js";

const SIZES = [[50, 11, 2, 1], [300, 7, 2, 1], [Infinity, 5, 1.2, 0.7]]; // up to so many: pixels of a square, of its line, strength

export class Guests {
  constructor(changed) {
    this.changed = changed;
    this.groups = [];
    this.count = 0;
  }

  // Each of `given` has `places`, what is told of each (`distances`, `joins` one of `clusters`), and either `rows, items,
  // sheet` (regions of another run) or `words, scores, body` (pictures; a score may be empty).
  set(given, base) {
    for (const { cards } of this.groups) cards.destroy();
    this.groups = given.map(({ places, distances, joins, clusters, rows, items, sheet, words, scores, body }) => {
      const lines = (at) => ["placed approximately:", `in ${clusters[joins[at]]}`, `distance to the nearest here ${distances[at]}`, ...(scores?.[at] ? [`OOD score ${scores[at]}`] : [])];
      if (words) return { places, lines, cards: new Sheet(words, `${base}/body/${body}`), row: (at) => at };
      const cards = new Cards(this.changed);
      cards.reset({ items, sheet });
      return { places, lines, cards, row: (at) => rows[at] };
    });
    this.count = this.groups.reduce((sum, { places }) => sum + places.length, 0);
  }

  get size() {
    return SIZES.find(([most]) => this.count <= most);
  }

  // The square under a place on the screen: `{ cards, row, guest, x, y }`, `guest` what is told of it; or null.
  at(px, py, camera, scale) {
    const reach = (this.size[1] * scale) / 2 + 2;
    for (const { places, lines, cards, row } of this.groups) {
      for (let i = places.length - 1; i >= 0; i -= 1) {
        const [x, y] = camera.toScreen(...places[i]);
        if (Math.abs(x - px) <= reach && Math.abs(y - py) <= reach) return { cards, row: row(i), guest: lines(i), x: places[i][0], y: places[i][1] };
      }
    }
    return null;
  }

  draw(context, { camera, colours, scale, target }) {
    const [, pixels, line, strength] = this.size;
    const side = pixels * scale;
    context.lineWidth = line;
    context.globalAlpha = strength;
    context.strokeStyle = colours.accent;
    const square = ([x, y], wide) => {
      const [px, py] = camera.toScreen(x, y);
      if (px > -wide && py > -wide && px < camera.width + wide && py < camera.height + wide) context.strokeRect(px - wide / 2, py - wide / 2, wide, wide);
    };
    for (const { places } of this.groups) for (const place of places) square(place, side);
    context.globalAlpha = 1;
    if (!target?.guest) return;
    context.lineWidth = 3;
    context.strokeStyle = colours.text;
    square([target.x, target.y], side + 6);
  }

  destroy() {
    for (const { cards } of this.groups) cards.destroy();
  }
}

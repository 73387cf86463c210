// What is known of single regions: their words and their pictures, by batches, a bounded number kept.

import { compact } from "./pictures.js";

const KEPT = 2000;
const ACROSS = 10; // pictures in a line of a sheet

export class Cards {
  constructor(changed) {
    this.changed = changed;
    this.source = { items: "", sheet: "" };
    this.reset(this.source);
  }

  // `items` and `sheet` are addresses with {rows} in them.
  reset(source) {
    if (source.items === this.source.items && this.cards) return;
    this.abort?.abort();
    this.abort = new AbortController();
    this.forget();
    this.source = source;
  }

  forget() {
    for (const sheet of new Set([...(this.cards?.values() ?? [])].map((card) => card.sheet))) sheet?.close?.();
    this.cards = new Map();
    this.asked = new Set();
  }

  get(row) {
    return this.cards.get(row);
  }

  // Fetch those of these rows that are not known yet; resolves when they are.
  async want(rows) {
    const lacking = rows.filter((row) => !this.cards.has(row) && !this.asked.has(row)).sort((a, b) => a - b);
    if (lacking.length === 0) return;
    for (const row of lacking) this.asked.add(row);
    if (this.cards.size > KEPT) this.forget();
    const named = compact(lacking);
    const { signal } = this.abort;
    try {
      const [words, picture] = await Promise.all([
        fetch(this.source.items.replace("{rows}", named), { signal }).then((answer) => (answer.ok ? answer.json() : null)),
        fetch(this.source.sheet.replace("{rows}", named), { signal })
          .then((answer) => (answer.ok ? answer.blob() : null))
          .then((blob) => blob && createImageBitmap(blob)),
      ]);
      if (signal.aborted) return;
      lacking.forEach((row, place) => {
        const item = words?.items[place];
        if (item) this.cards.set(row, { item, sheet: picture, place });
      });
      this.changed();
    } catch {
      // The next look asks again.
    } finally {
      for (const row of lacking) this.asked.delete(row);
    }
  }

  // Draw a row's picture as large as fits into a square; returns the rectangle, or null while it is not there.
  draw(context, row, x, y, side) {
    const card = this.cards.get(row);
    if (!card?.sheet) return null;
    const { aspect } = card.item;
    const tile = card.sheet.width / ACROSS;
    const [w, h] = aspect >= 1 ? [tile, tile / aspect] : [tile * aspect, tile];
    const [column, line] = [card.place % ACROSS, Math.floor(card.place / ACROSS)];
    const [width, height] = [(w * side) / tile, (h * side) / tile];
    const box = [x - width / 2, y - height / 2, width, height];
    context.drawImage(card.sheet, column * tile + (tile - w) / 2 + 0.5, line * tile + (tile - h) / 2 + 0.5, w - 1, h - 1, ...box);
    return box;
  }

  destroy() {
    this.abort.abort();
    this.forget();
  }
}

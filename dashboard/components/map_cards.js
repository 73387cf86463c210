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
    this.asked = new Map(); // rows on their way, and the promise of the batch they come with
  }

  get(row) {
    return this.cards.get(row);
  }

  // Fetch those of these rows that are neither known nor on their way; resolves when all of them are there.
  async want(rows) {
    const lacking = rows.filter((row) => !this.cards.has(row) && !this.asked.has(row)).sort((a, b) => a - b);
    const coming = new Set(rows.map((row) => this.asked.get(row)).filter(Boolean));
    if (lacking.length > 0) {
      if (this.cards.size > KEPT) this.forget();
      const batch = this.fetch(lacking);
      for (const row of lacking) this.asked.set(row, batch);
      coming.add(batch);
    }
    await Promise.all(coming);
  }

  async fetch(rows) {
    const named = compact(rows);
    const { signal } = this.abort;
    const { asked } = this;
    try {
      const [words, picture] = await Promise.all([
        fetch(this.source.items.replace("{rows}", named), { signal }).then((answer) => (answer.ok ? answer.json() : null)),
        fetch(this.source.sheet.replace("{rows}", named), { signal })
          .then((answer) => (answer.ok ? answer.blob() : null))
          .then((blob) => blob && createImageBitmap(blob)),
      ]);
      if (signal.aborted) return;
      rows.forEach((row, place) => {
        const item = words?.items[place];
        if (item) this.cards.set(row, { item, sheet: picture, place });
      });
      this.changed();
    } catch {
      // The next look asks again.
    } finally {
      for (const row of rows) asked.delete(row);
    }
  }

  draw(context, row, x, y, side) {
    return drawTile(context, this.cards.get(row), x, y, side);
  }

  destroy() {
    this.abort.abort();
    this.forget();
  }
}

// Cards that come whole: what is said of each is given, and one sheet holds all their pictures.
export class Sheet {
  constructor(words, address) {
    this.words = words;
    this.address = address;
    this.sheet = null;
  }

  get(row) {
    return this.sheet ? { item: this.words[row], sheet: this.sheet, place: row } : undefined;
  }

  async want() {
    this.coming ??= fetch(this.address)
      .then((answer) => (answer.ok ? answer.arrayBuffer() : null))
      .then((bytes) => bytes && createImageBitmap(new Blob([bytes], { type: "image/jpeg" })));
    try {
      this.sheet = await this.coming;
    } catch {
      this.coming = undefined; // the next look asks again
    }
  }

  draw(context, row, x, y, side) {
    return drawTile(context, this.get(row), x, y, side);
  }

  destroy() {
    this.sheet?.close?.();
    this.sheet = null;
  }
}

// Draw a card's picture as large as fits into a square; returns the rectangle, or null while it is not there.
function drawTile(context, card, x, y, side) {
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

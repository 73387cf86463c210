// Blocks of a listing and their sprite sheets, fetched as they come into view, newest wish first, a bounded number kept.
// Overlays cost the server more: they come after the sheets, for the pictures in view alone, one request at a time.

const AT_ONCE = 4;
const OVERLAID = 25; // pictures to an overlay, one batch of the server's; a divisor of a block
const OVERLAYS = 60;
const OUTLINE = "#ffb347"; // as the image panel draws the part it shows

export class Pictures {
  constructor(changed, expired, overlaid) {
    this.changed = changed; // called with a block's number when its items or its sheet arrived, and whether it is anew
    this.expired = expired; // called when the server no longer keeps the listing
    this.overlaid = overlaid; // called with the first picture and the one after the last whose overlay came or failed
    this.reset({ base: "", run: 0, listing: "", block: 100, across: 10, tile: 128, overlay: null, framed: false });
  }

  reset(source) {
    this.abort?.abort();
    this.abort = new AbortController();
    for (const bitmap of [...(this.sheets?.values() ?? []), ...(this.overlays?.values() ?? [])]) bitmap.close?.();
    this.source = source;
    this.refusal = "";
    this.overlaying = false;
    this.wished = [];
    this.items = new Map();
    this.sheets = new Map();
    this.overlays = new Map();
    this.waiting = [];
    this.busy = new Set();
    this.failed = new Map();
  }

  give(block, items) {
    this.items.set(block, items);
  }

  item(index) {
    const block = Math.floor(index / this.source.block);
    return this.items.get(block)?.[index - block * this.source.block];
  }

  // The blocks now in view, most wanted first; others that still wait are forgotten.
  want(blocks) {
    this.waiting = blocks.filter((block) => !this.busy.has(block) && !this._complete(block) && !this._gaveUp(block));
    for (const block of [...blocks].reverse()) {
      const sheet = this.sheets.get(block);
      if (sheet) {
        this.sheets.delete(block);
        this.sheets.set(block, sheet);
      }
    }
    this._trim(Math.max(6, blocks.length + 2));
    this._next();
  }

  retry() {
    this.failed.clear();
  }

  _complete(block) {
    return this.items.has(block) && this.sheets.has(block);
  }

  _gaveUp(block) {
    return (this.failed.get(block) ?? 0) >= 3;
  }

  _trim(most) {
    // Decoded sheets are large; items are small and stay.
    const size = this.source.tile >= 256 ? Math.ceil(most / 2) + 3 : most + 6;
    while (this.sheets.size > size) {
      const [oldest, bitmap] = this.sheets.entries().next().value;
      bitmap.close?.();
      this.sheets.delete(oldest);
    }
  }

  _next() {
    while (this.busy.size < AT_ONCE && this.waiting.length > 0) {
      const block = this.waiting.shift();
      this.busy.add(block);
      const { signal } = this.abort;
      this._load(block, signal)
        .catch(() => {
          if (signal.aborted) return undefined;
          const times = (this.failed.get(block) ?? 0) + 1;
          this.failed.set(block, times);
          return new Promise((resolve) => setTimeout(resolve, 600 * times));
        })
        .finally(() => {
          if (signal.aborted) return;
          this.busy.delete(block);
          this.changed(block);
          this._next();
        });
    }
  }

  async _load(block, signal) {
    const { base, listing, run, tile, framed } = this.source;
    if (!this.items.has(block)) {
      const answer = await fetch(`${base}/listing/${listing}/${block}`, { signal });
      if (answer.status === 410) this.expired();
      if (!answer.ok) throw new Error(`listing: ${answer.status}`);
      this.items.set(block, (await answer.json()).items);
      this.changed(block);
    }
    const rows = compact(this.items.get(block).map((item) => item.row));
    const sheet = `${base}/sheet/${run}?rows=${rows}&tile=${tile}${framed ? "&kind=frame" : ""}`;
    if (!this.sheets.has(block) && rows !== "") {
      this.sheets.set(block, await bitmap(sheet, signal));
      // Parts cut from thumbnails are coarse; their sharp sheet takes longer and comes after, where one stays.
      if (!framed && this.items.get(block).some((item) => item.small)) this.sharpen(block, `${sheet}&kind=sharp`, signal);
    }
  }

  // Lay something else over the pictures, or nothing; the sheets stay.
  setOverlay(overlay) {
    for (const bitmap of this.overlays.values()) bitmap.close?.();
    this.overlays.clear();
    this.source.overlay = overlay;
    this.refusal = "";
    this.wished = [];
  }

  // Overlays for the pictures from `first` to before `last`, from now on.
  wantOverlays(first, last) {
    if (!this.source.overlay || this.refusal) return;
    this.wished = [];
    for (let part = Math.floor(first / OVERLAID); part * OVERLAID < last; part += 1) {
      const kept = this.overlays.get(part);
      if (!kept) this.wished.push(part);
      else {
        this.overlays.delete(part);
        this.overlays.set(part, kept);
      }
    }
    this._overlay();
  }

  get waitsForOverlays() {
    return this.overlaying || this.wished.length > 0;
  }

  async _overlay() {
    // A part whose items are still to come is asked for again when they are there and the page is painted.
    const part = this.wished.find((one) => this._rowsOf(one).length > 0);
    if (this.overlaying || part === undefined) return;
    const { signal } = this.abort;
    const { overlay, tile } = this.source;
    this.overlaying = true;
    this.wished = this.wished.filter((one) => one !== part);
    try {
      const answer = await fetch(overlay.url.replace("{rows}", compact(this._rowsOf(part))).replace("{tile}", tile), { signal });
      const body = answer.ok ? await createImageBitmap(await answer.blob()) : await answer.text();
      if (signal.aborted) return;
      if (this.source.overlay?.url !== overlay.url) body.close?.();
      else if (answer.ok) this.overlays.set(part, body);
      else this.refusal = body;
    } catch {
      if (signal.aborted) return;
      this.refusal = "the maps did not come; switch them off and on to try again";
    }
    while (this.overlays.size > OVERLAYS) {
      const [oldest, bitmap] = this.overlays.entries().next().value;
      bitmap.close?.();
      this.overlays.delete(oldest);
    }
    this.overlaying = false;
    if (this.refusal) this.wished = [];
    this.overlaid(part * OVERLAID, (part + 1) * OVERLAID);
    this._overlay();
  }

  _rowsOf(part) {
    const block = Math.floor((part * OVERLAID) / this.source.block);
    const start = part * OVERLAID - block * this.source.block;
    return (this.items.get(block) ?? []).slice(start, start + OVERLAID).map((item) => item.row);
  }

  sharpen(block, address, signal) {
    bitmap(address, signal).then(
      (sharp) => {
        if (signal.aborted || !this.sheets.has(block)) return;
        this.sheets.get(block).close?.();
        this.sheets.set(block, sharp);
        this.changed(block, true);
      },
      () => {}, // the coarse sheet stays
    );
  }

  // Draw item `index` into a canvas, whole and in the middle; false while its sheet is not there.
  draw(index, canvas) {
    const block = Math.floor(index / this.source.block);
    const sheet = this.sheets.get(block);
    if (!sheet) return false;
    const item = this.items.get(block)[index - block * this.source.block];
    const framed = this.source.framed && item.box;
    const from = this._square(index - block * this.source.block, framed ? item.frame : item.aspect);
    const scale = Math.min(canvas.width / from[2], canvas.height / from[3]);
    const size = [from[2] * scale, from[3] * scale];
    const target = [(canvas.width - size[0]) / 2, (canvas.height - size[1]) / 2, ...size];
    const part = framed ? within(target, item.box) : target;
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.clearRect(0, 0, canvas.width, canvas.height);
    // Half a pixel less on each side keeps the neighbouring tile from shining through.
    context.drawImage(sheet, from[0] + 0.5, from[1] + 0.5, from[2] - 1, from[3] - 1, ...target);
    const overlay = this.overlays.get(Math.floor(index / OVERLAID));
    if (overlay) {
      const [left, top, width, height] = this._square(index % OVERLAID, item.aspect);
      context.globalAlpha = this.source.overlay.opacity ?? 0.6;
      context.drawImage(overlay, left + 0.5, top + 0.5, width - 1, height - 1, ...part);
      context.globalAlpha = 1;
    }
    if (framed) outline(context, part, canvas);
    return true;
  }

  // Where the picture at a place of a sheet lies: its square's middle, as wide and high as its aspect leaves.
  _square(place, aspect) {
    const { tile, across } = this.source;
    const width = Math.max(1, aspect >= 1 ? tile : tile * aspect);
    const height = Math.max(1, aspect >= 1 ? tile / aspect : tile);
    return [(place % across) * tile + (tile - width) / 2, Math.floor(place / across) * tile + (tile - height) / 2, width, height];
  }

  destroy() {
    this.abort.abort();
    for (const sheet of this.sheets.values()) sheet.close?.();
    for (const overlay of this.overlays.values()) overlay.close?.();
    this.sheets.clear();
    this.overlays.clear();
  }
}

// A box in shares of a frame, as a place in the canvas.
function within([left, top, width, height], [x, y, w, h]) {
  return [left + x * width, top + y * height, w * width, h * height];
}

// The outline of a part, light on dark so that it shows on every ground, never too small to be seen.
function outline(context, [x, y, width, height], canvas) {
  const line = Math.max(2, canvas.width / 90);
  const [w, h] = [Math.max(width, 4 * line), Math.max(height, 4 * line)];
  const place = [x + (width - w) / 2, y + (height - h) / 2, w, h];
  for (const [colour, thick] of [["rgba(0, 0, 0, 0.75)", 2 * line], [OUTLINE, line]]) {
    context.strokeStyle = colour;
    context.lineWidth = thick;
    context.strokeRect(...place);
  }
}

async function bitmap(address, signal) {
  const answer = await fetch(address, { signal });
  if (!answer.ok) throw new Error(`sheet: ${answer.status}`);
  return createImageBitmap(await answer.blob());
}

// [3,4,5,9] as "3-5,9".
export function compact(rows) {
  const parts = [];
  for (let i = 0; i < rows.length; ) {
    let j = i;
    while (j + 1 < rows.length && rows[j + 1] === rows[j] + 1) j += 1;
    parts.push(i === j ? `${rows[i]}` : `${rows[i]}-${rows[j]}`);
    i = j + 1;
  }
  return parts.join(",");
}

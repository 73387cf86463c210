// Two pictures side by side: what a place of one matches in the other, by an exact split of their similarity.

import { clamp, element } from "./dom.js";

const ORANGE = [230, 97, 1];
const BLUE = [33, 102, 172];

export class MatchView {
  // `address(row)` is where the split with another row lies; `picture(kind, image)` where a picture does.
  constructor(address, picture) {
    this.address = address;
    this.picture = picture;
    this.sides = [new Side(this, 0), new Side(this, 1)];
    this.text = element("p", { class: "said", role: "status" });
    this.root = element("div", { class: "match" }, element("div", { class: "sides" }, ...this.sides.map((side) => side.root)), this.text);
  }

  async show(here, other) {
    this.fetching?.abort();
    this.fetching = new AbortController();
    const { signal } = this.fetching;
    this.found = null;
    this.held = null;
    this.sides[0].load(here, "This picture");
    this.sides[1].load(other, other.distance ? `Reference, ${other.distance}` : "Reference");
    this.text.textContent = "Comparing the two, place by place …";
    try {
      const answer = await fetch(this.address(other.row), { signal });
      if (!answer.ok) {
        this.text.textContent = await answer.text();
        return;
      }
      const found = await answer.json();
      if (signal.aborted) return;
      if (found.said) this.text.textContent = found.said;
      else this.take(found);
    } catch {
      if (!signal.aborted) this.text.textContent = "The comparison did not come; choose the picture again.";
    }
  }

  take(found) {
    const bytes = Uint8Array.from(atob(found.pairs), (sign) => sign.charCodeAt(0));
    found.pairs = new Float32Array(bytes.buffer);
    found.cells = [found.first.rows * found.first.columns, found.second.rows * found.second.columns];
    this.found = found;
    this.sides[0].grid = found.first;
    this.sides[1].grid = found.second;
    this.point(null);
  }

  // The cells of `side` that a cell of the other side takes part with; without a cell the sum over all of them.
  shares(side, cell) {
    const { pairs, cells } = this.found;
    const [m, n] = cells;
    const result = new Float32Array(cells[side]);
    for (let i = 0; i < m; i += 1) {
      for (let j = 0; j < n; j += 1) {
        const [here, there] = side === 0 ? [i, j] : [j, i];
        if (cell === null || there === cell) result[here] += pairs[i * n + j];
      }
    }
    return result;
  }

  // Point at a cell: `{side, cell}`, or nothing.
  point(at) {
    if (!this.found) return;
    const now = at ?? this.held;
    for (const side of [0, 1]) {
      const own = now?.side === side;
      this.sides[side].draw(own ? null : this.shares(side, now ? now.cell : null), own ? now.cell : null);
    }
    this.describe(now);
  }

  hold(at) {
    this.held = this.held && at && this.held.side === at.side && this.held.cell === at.cell ? null : at;
    this.point(null);
  }

  describe(now) {
    const { similarity, total } = this.found;
    if (!now) {
      this.text.textContent = `Similarity ${similarity}, where 1 is a copy. Orange places make the two alike; all pairs of places together are the similarity.`;
      return;
    }
    const share = this.shares(1 - now.side, now.cell).reduce((sum, value) => sum + value, 0) / total;
    this.text.textContent = `This place holds ${(100 * share).toFixed(1)} % of the similarity of ${similarity}; orange is what it matches${this.held ? " (held; click again to let go)" : ""}.`;
  }

  destroy() {
    this.fetching?.abort();
    this.root.remove();
  }
}

class Side {
  constructor(view, number) {
    this.view = view;
    this.number = number;
    this.image = element("img", { alt: "", draggable: "false" });
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.name = element("figcaption");
    this.frame = element("div", { class: "frame", tabindex: "0", role: "application" }, this.image, this.canvas);
    this.root = element("figure", {}, this.frame, this.name);
    this.frame.addEventListener("pointermove", (event) => this.moved(event));
    this.frame.addEventListener("pointerleave", () => view.point(null));
    this.frame.addEventListener("click", (event) => view.hold(this.at(event)));
    this.frame.addEventListener("keydown", (event) => this.key(event));
    this.frame.addEventListener("blur", () => view.point(null));
  }

  load(shown, name) {
    this.shown = shown;
    this.grid = null;
    this.cursor = null;
    this.name.textContent = `${name}: ${shown.label}`;
    this.image.alt = shown.label;
    this.frame.setAttribute("aria-label", `${name}, ${shown.label}; arrows move over its places, Enter holds one`);
    this.frame.style.aspectRatio = `${shown.width} / ${shown.height}`;
    this.image.src = this.view.picture("thumb", shown.image);
    const full = new Image();
    full.src = this.view.picture("image", shown.image);
    full.decode().then(() => (this.shown === shown ? (this.image.src = full.src) : 0), () => {});
    this.canvas.width = this.canvas.height = 1;
  }

  at(event) {
    if (!this.grid) return null;
    const bounds = this.frame.getBoundingClientRect();
    const x = ((event.clientX - bounds.left) / bounds.width) * this.grid.full.width;
    const y = ((event.clientY - bounds.top) / bounds.height) * this.grid.full.height;
    const column = Math.floor((x - this.grid.left) / this.grid.across);
    const row = Math.floor((y - this.grid.top) / this.grid.down);
    if (column < 0 || row < 0 || column >= this.grid.columns || row >= this.grid.rows) return null;
    return { side: this.number, cell: row * this.grid.columns + column };
  }

  moved(event) {
    this.view.point(this.at(event));
  }

  key(event) {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (!this.grid || !(event.key in steps || event.key === "Enter" || event.key === " ")) return;
    event.preventDefault();
    event.stopPropagation();
    const { rows, columns } = this.grid;
    const [row, column] = this.cursor ?? [rows >> 1, columns >> 1];
    const [down, across] = steps[event.key] ?? [0, 0];
    this.cursor = [clamp(row + down, 0, rows - 1), clamp(column + across, 0, columns - 1)];
    const at = { side: this.number, cell: this.cursor[0] * columns + this.cursor[1] };
    if (event.key in steps) this.view.point(at);
    else this.view.hold(at);
  }

  // Shares as colours, or a frame around one cell.
  draw(shares, cell) {
    const { grid, canvas } = this;
    if (!grid) return;
    const scale = 480 / grid.full.width;
    canvas.width = 480;
    canvas.height = Math.max(1, Math.round(grid.full.height * scale));
    const pen = canvas.getContext("2d");
    const box = (place) => [
      (grid.left + (place % grid.columns) * grid.across) * scale,
      (grid.top + Math.floor(place / grid.columns) * grid.down) * scale,
      grid.across * scale,
      grid.down * scale,
    ];
    if (shares) {
      const largest = shares.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      shares.forEach((value, place) => {
        const strength = largest > 0 ? Math.abs(value) / largest : 0;
        pen.fillStyle = `rgba(${(value < 0 ? BLUE : ORANGE).join(",")},${(0.8 * strength ** 1.5).toFixed(3)})`;
        pen.fillRect(...box(place));
      });
    }
    if (cell !== null) {
      pen.lineWidth = 3;
      pen.strokeStyle = "#fff";
      pen.strokeRect(...box(cell));
      pen.lineWidth = 1.5;
      pen.strokeStyle = "#05090d";
      pen.strokeRect(...box(cell));
    }
    canvas.dataset.state = cell === null ? (shares ? "shares" : "") : "cell";
  }
}

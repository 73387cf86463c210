// The picture grid of every page: only what is in view exists in the document; a selection is a few ranges.

import { clamp, element, mounted, recall, remember } from "./dom.js";
import { clearCell, describeCell, newCell } from "./gallery_cell.js";
import { Grid } from "./gallery_grid.js";
import { Hand } from "./gallery_hand.js";
import { Switch } from "./gallery_switch.js";
import { Pictures } from "./pictures.js";

const SMALLEST = 88;
const LARGEST = 320;
const FRAMES = "Each of these is a part of a frame: show the frame, with the part outlined";
const kept = new WeakMap();

export default function mount(component) {
  return mounted(kept, component, (place) => new Gallery(place));
}

class Gallery {
  constructor(place) {
    this.pictures = new Pictures(
      (block, anew) => this.arrived(block, anew),
      () => this.component.setTriggerValue("expired", this.data.listing),
      (first, last) => this.overlaid(first, last),
    );
    this.cells = new Map();
    this.spare = [];
    this.size = clamp(Number(recall("tile")) || 168, SMALLEST, LARGEST);

    this.status = element("span", { class: "status", "aria-live": "polite" });
    this.all = element("button", { type: "button", onclick: () => this.hand.all() }, "Select all");
    this.none = element("button", { type: "button", onclick: () => this.hand.none() }, "Clear");
    this.slider = element("input", {
      type: "range", min: SMALLEST, max: LARGEST, step: 8, "aria-label": "Size of the pictures",
      oninput: (event) => this.resize(Number(event.target.value)),
    });
    this.over = new Switch("over", (on) => remember(`over-${this.data.overlay.name}`, on ? "on" : "off"), () => this.switched());
    this.frames = new Switch("frames", (on) => this.component.setTriggerValue("framed", on), (on) => this.frame(on));
    this.sizeLabel = element("label", { class: "size" }, "Size", this.slider);
    this.tools = element(
      "div", { class: "tools" }, this.status, this.all, this.none, this.frames.root, this.over.root, this.sizeLabel,
    );
    this.canvas = element("div", { class: "content" });
    this.view = element("div", { class: "view", role: "listbox", tabindex: "0" }, this.canvas);
    this.root = element("div", { class: "gallery" }, this.tools, this.view);
    place.append(this.root);
    this.grid = new Grid(this.view);
    this.hand = new Hand(this.view, this.grid, {
      cellAt: (event) => this.cellAt(event),
      changed: () => this.paint(),
      told: (ranges) => this.component.setStateValue("selection", { listing: this.data.listing, ranges }),
      opened: (index) => this.open(index),
    });

    this.view.addEventListener("scroll", () => this.schedule(), { passive: true });
    this.view.addEventListener("focus", () => this.paint());
    this.view.addEventListener("blur", () => this.paint());
    this.observer = new ResizeObserver(() => this.layout());
    this.observer.observe(this.view);
  }

  update(component) {
    const before = this.data;
    this.component = component;
    this.data = component.data;
    const { data } = this;
    this.root.dataset.layout = data.layout;
    // A short strip has no room for a switch that other galleries have; it follows theirs.
    const strip = data.layout === "strip";
    const switched = data.count > 0 && ((data.overlay && (!strip || data.overlay.name !== "why")) || (data.frames && !strip));
    this.tools.hidden = !data.tools && !switched;
    this.all.hidden = this.none.hidden = !data.selectable;
    this.sizeLabel.hidden = !data.tools;
    this.over.show(data.overlay ? { name: data.overlay.name, title: data.overlay.meaning, on: this.laid() !== null } : null);
    // What the server says counts when it says something new: an older answer does not take a press back.
    if (!before || before.frames?.on !== data.frames?.on) this.framed = data.frames?.on ?? false;
    this.frames.show(data.frames && !strip ? { name: "in frames", title: FRAMES, on: this.framed } : null);
    this.view.setAttribute("aria-multiselectable", String(data.selectable));
    this.slider.value = this.size;
    this.view.setAttribute("aria-label", this.framed ? `${data.label}, each outlined in its frame` : data.label);
    if (this.pictures.source.framed !== this.framed) this.tile = 0;
    if (before?.listing !== data.listing) {
      this.hand.begin(data);
      this.view.scrollTop = this.view.scrollLeft = 0;
      this.forget();
    } else {
      this.hand.follow(data);
      if (before.overlay?.url !== data.overlay?.url) this.switched();
    }
    this.layout();
  }

  // What is to be laid over the pictures now: the switch is one for all galleries that offer the same.
  laid() {
    const { overlay } = this.data;
    return overlay && recall(`over-${overlay.name}`) === "on" ? overlay : null;
  }

  switched() {
    if (!this.data) return;
    const laid = this.laid();
    this.over.set(laid !== null);
    if (this.pictures.source.overlay?.url === laid?.url) return;
    this.pictures.setOverlay(laid);
    this.overlaid(0, this.data.count);
  }

  // Parts of images cut out, or whole frames with the part outlined; all galleries of the page at once.
  frame(on) {
    if (!this.data?.frames || this.framed === on) return;
    const { highest } = this.grid;
    this.framed = on;
    this.frames.set(on);
    this.tile = 0;
    this.layout();
    if (this.data.layout === "grid") this.grid.scrollTo(highest);
  }

  forget() {
    this.tile = 0;
    for (const [index, cell] of this.cells) this.release(index, cell);
  }

  layout() {
    const { data, grid } = this;
    if (!data) return;
    const style = getComputedStyle(this.root);
    const wished = this.size * (parseFloat(style.getPropertyValue("--bs-scale")) || 1);
    const caption = data.lines > 0 ? data.lines * parseFloat(style.fontSize) * 1.4 + 8 : 0;
    if (!grid.fit(data, this.framed ? data.frames.aspect : data.aspect, wished, caption)) return;
    this.canvas.style.height = `${grid.wholeHeight}px`;
    this.canvas.style.width = grid.strip ? `${grid.wholeWidth}px` : "";
    this.fetchSize();
    this.paint();
  }

  fetchSize() {
    const { data, grid } = this;
    const wanted = Math.max(grid.width, grid.picture) * Math.min(2, devicePixelRatio || 1);
    const tile = data.tiles.find((side) => side >= wanted * 0.92) ?? data.tiles[data.tiles.length - 1];
    if (tile === this.tile) return;
    const known = this.pictures.source.listing === data.listing ? this.pictures.items : new Map([[0, data.first]]);
    this.tile = tile;
    this.pictures.reset({
      base: data.base, run: data.run, listing: data.listing, block: data.block, across: data.across, tile,
      overlay: this.laid(), framed: this.framed,
    });
    for (const [block, items] of known) this.pictures.give(block, items);
    for (const cell of this.cells.values()) cell.drawn = false;
  }

  arrived(block, anew) {
    if (anew) {
      for (const cell of this.cells.values()) if (Math.floor(cell.index / this.data.block) === block) cell.drawn = false;
    }
    this.paint();
  }

  overlaid(first, last) {
    for (const cell of this.cells.values()) if (cell.index >= first && cell.index < last) cell.drawn = false;
    this.paint();
  }

  resize(size) {
    const { highest } = this.grid;
    this.size = size;
    remember("tile", size);
    this.layout();
    this.grid.scrollTo(highest);
  }

  schedule() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = 0;
      this.paint();
    });
  }

  // Put the document in accord with the state.
  paint() {
    const { data, grid, hand } = this;
    if (!data || !grid.columns) return;
    this.describe();
    if (data.count === 0) {
      this.forget();
      this.canvas.replaceChildren(element("p", { class: "empty" }, data.empty));
      this.canvas.style.height = "100%";
      return;
    }
    this.canvas.querySelector(".empty")?.remove();
    const [first, last] = grid.visible();
    for (const [index, cell] of this.cells) if (index < first || index >= last) this.release(index, cell);
    for (let index = first; index < last; index += 1) this.place(index);
    this.want(first, last);
    const focused = this.view.getRootNode().activeElement === this.view;
    const active = focused && this.cells.get(hand.active);
    if (active) this.view.setAttribute("aria-activedescendant", active.id);
    else this.view.removeAttribute("aria-activedescendant");
  }

  want(first, last) {
    const { block } = this.data;
    const wanted = [];
    for (let b = Math.floor(first / block); b <= Math.floor((last - 1) / block); b += 1) wanted.push(b);
    clearTimeout(this.settled);
    // While a scroll flies past, nothing is fetched; the place where it rests is.
    const speed = Math.abs(this.view.scrollTop - (this.lastTop ?? 0));
    this.lastTop = this.view.scrollTop;
    const fetch = () => {
      this.pictures.want(wanted);
      this.pictures.wantOverlays(first, last);
      this.describe();
    };
    if (speed > 4 * this.view.clientHeight) this.settled = setTimeout(fetch, 70);
    else fetch();
  }

  place(index) {
    let cell = this.cells.get(index);
    if (!cell) {
      cell = this.spare.pop() ?? newCell();
      cell.root.id = cell.id = `cell-${index}`;
      cell.index = index;
      cell.row = -1;
      cell.drawn = false;
      this.cells.set(index, cell);
      this.canvas.append(cell.root);
    }
    const { grid, hand } = this;
    const { style } = cell.root;
    style.width = `${grid.width}px`;
    style.height = `${grid.height}px`;
    style.transform = `translate(${grid.left(index)}px, ${grid.top(index)}px)`;
    const density = Math.min(2, devicePixelRatio || 1);
    const width = Math.round(grid.width * density);
    const height = Math.round(grid.picture * density);
    if (cell.canvas.width !== width || cell.canvas.height !== height) {
      cell.canvas.width = width;
      cell.canvas.height = height;
      cell.drawn = false;
    }
    cell.canvas.style.height = `${grid.picture}px`;
    const item = this.pictures.item(index);
    if (item && cell.row !== item.row) describeCell(cell, item, this.data);
    if (item && !cell.drawn) cell.drawn = this.pictures.draw(index, cell.canvas);
    cell.root.classList.toggle("waiting", !cell.drawn);
    cell.root.classList.toggle("active", index === hand.active);
    cell.root.classList.toggle("selected", hand.has(index));
    cell.root.setAttribute("aria-selected", String(hand.has(index)));
    cell.root.setAttribute("aria-setsize", this.data.count);
    cell.root.setAttribute("aria-posinset", index + 1);
  }

  release(index, cell) {
    this.cells.delete(index);
    cell.root.remove();
    if (this.spare.length < 200) {
      clearCell(cell);
      this.spare.push(cell);
    }
  }

  describe() {
    const { count, noun } = this.data;
    const { chosen } = this.hand;
    const { refusal, waitsForOverlays } = this.pictures;
    const laid = this.laid();
    const maps = laid && (refusal || (waitsForOverlays ? "maps are on their way …" : laid.meaning));
    const parts = [this.data.tools ? `${count.toLocaleString("en")} ${noun}` : "", chosen > 0 ? `${chosen.toLocaleString("en")} selected` : "", maps];
    const text = parts.filter(Boolean).join(" · ");
    if (this.status.textContent !== text) this.status.textContent = text;
    this.none.disabled = chosen === 0;
  }

  cellAt(event) {
    const root = event.composedPath().find((node) => node.classList?.contains("cell"));
    return root ? [...this.cells.values()].find((cell) => cell.root === root) : undefined;
  }

  open(index) {
    const item = this.pictures.item(index);
    if (item) this.component.setTriggerValue("open", { listing: this.data.listing, index, row: item.row });
  }

  destroy() {
    this.observer.disconnect();
    this.over.destroy();
    this.frames.destroy();
    this.hand.destroy();
    clearTimeout(this.settled);
    cancelAnimationFrame(this.drawing);
    this.pictures.destroy();
    this.root.remove();
  }
}

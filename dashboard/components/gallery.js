// The picture grid of every page: only what is in view exists in the document; a selection is a few ranges.

import { clamp, element, mounted, recall, remember } from "./dom.js";
import { describeCell, newCell } from "./gallery_cell.js";
import { Switch } from "./gallery_switch.js";
import { Pictures } from "./pictures.js";
import { Ranges } from "./ranges.js";

const GAP = 8;
const EDGE = 3; // the view's padding, room for the rings
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
    this.selected = new Ranges();
    this.active = 0;
    this.anchor = 0;
    this.size = clamp(Number(recall("tile")) || 168, SMALLEST, LARGEST);

    this.status = element("span", { class: "status", "aria-live": "polite" });
    this.all = element("button", { type: "button", onclick: () => this.selectAll() }, "Select all");
    this.none = element("button", { type: "button", onclick: () => this.clear() }, "Clear");
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

    this.view.addEventListener("scroll", () => this.schedule(), { passive: true });
    this.view.addEventListener("keydown", (event) => this.key(event));
    this.view.addEventListener("pointerdown", (event) => this.pressed(event));
    this.view.addEventListener("dblclick", (event) => this.doubled(event));
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
      this.selected = new Ranges(data.selection ?? []);
      this.active = this.anchor = 0;
      this.view.scrollTop = this.view.scrollLeft = 0;
      this.forget();
    } else if (before.overlay?.url !== data.overlay?.url) {
      this.switched();
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
    const middle = this.firstVisible();
    this.framed = on;
    this.frames.set(on);
    this.tile = 0;
    this.layout();
    if (this.data.layout === "grid") this.view.scrollTop = Math.floor(middle / this.columns) * (this.height + GAP);
  }

  forget() {
    this.tile = 0;
    for (const [index, cell] of this.cells) this.release(index, cell);
  }

  // Geometry: how many columns, how large a cell, how high everything is.
  layout() {
    const { data } = this;
    const width = this.view.clientWidth - 2 * EDGE;
    if (!data || width <= 0) return;
    const aspect = this.framed ? data.frames.aspect : data.aspect;
    const text = parseFloat(getComputedStyle(this.root).fontSize) * 1.4;
    const caption = data.lines > 0 ? data.lines * text + 8 : 0;
    if (data.layout === "strip") {
      this.columns = Math.max(1, data.count);
      this.picture = Math.max(40, this.view.clientHeight - caption - 2 * EDGE);
      this.width = this.picture * aspect;
    } else if (data.layout === "rows") {
      this.columns = width >= 880 ? data.columns : Math.ceil(data.columns / 2);
      this.width = (width - GAP * (this.columns - 1)) / this.columns;
      this.picture = this.width / aspect;
    } else {
      const wished = this.size * (parseFloat(getComputedStyle(this.root).getPropertyValue("--bs-scale")) || 1);
      this.columns = Math.max(1, Math.round((width + GAP) / (wished + GAP)));
      this.width = (width - GAP * (this.columns - 1)) / this.columns;
      this.picture = this.width / aspect;
    }
    this.height = this.picture + caption;
    this.lines = Math.ceil(data.count / this.columns);
    this.canvas.style.height = `${Math.max(0, this.lines * (this.height + GAP) - GAP)}px`;
    this.canvas.style.width = data.layout === "strip" ? `${this.columns * (this.width + GAP) - GAP}px` : "";
    this.fetchSize();
    this.paint();
  }

  fetchSize() {
    const { data } = this;
    const wanted = Math.max(this.width, this.picture) * Math.min(2, devicePixelRatio || 1);
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
    const middle = this.firstVisible();
    this.size = size;
    remember("tile", size);
    this.layout();
    this.view.scrollTop = Math.floor(middle / this.columns) * (this.height + GAP);
  }

  firstVisible() {
    return Math.floor(this.view.scrollTop / (this.height + GAP)) * this.columns;
  }

  schedule() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = 0;
      this.paint();
    });
  }

  visible() {
    const { data, view } = this;
    if (data.layout === "strip") {
      const step = this.width + GAP;
      return [
        clamp(Math.floor(view.scrollLeft / step) - 2, 0, data.count),
        clamp(Math.ceil((view.scrollLeft + view.clientWidth) / step) + 2, 0, data.count),
      ];
    }
    const step = this.height + GAP;
    const first = Math.max(0, Math.floor(view.scrollTop / step) - 1);
    const last = Math.ceil((view.scrollTop + view.clientHeight) / step) + 1;
    return [clamp(first * this.columns, 0, data.count), clamp(last * this.columns, 0, data.count)];
  }

  // Put the document in accord with the state.
  paint() {
    if (!this.data || !this.columns) return;
    const { data } = this;
    this.describe();
    if (data.count === 0) {
      this.forget();
      this.canvas.replaceChildren(element("p", { class: "empty" }, data.empty));
      this.canvas.style.height = "100%";
      return;
    }
    this.canvas.querySelector(".empty")?.remove();
    const [first, last] = this.visible();
    for (const [index, cell] of this.cells) if (index < first || index >= last) this.release(index, cell);
    for (let index = first; index < last; index += 1) this.place(index);
    this.want(first, last);
    const focused = this.view.getRootNode().activeElement === this.view;
    if (focused && this.cells.has(this.active)) this.view.setAttribute("aria-activedescendant", this.cells.get(this.active).id);
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
    const line = Math.floor(index / this.columns);
    const column = index % this.columns;
    const { style } = cell.root;
    style.width = `${this.width}px`;
    style.height = `${this.height}px`;
    style.transform = `translate(${column * (this.width + GAP)}px, ${line * (this.height + GAP)}px)`;
    const density = Math.min(2, devicePixelRatio || 1);
    const width = Math.round(this.width * density);
    const height = Math.round(this.picture * density);
    if (cell.canvas.width !== width || cell.canvas.height !== height) {
      cell.canvas.width = width;
      cell.canvas.height = height;
      cell.drawn = false;
    }
    cell.canvas.style.height = `${this.picture}px`;
    const item = this.pictures.item(index);
    if (item && cell.row !== item.row) describeCell(cell, item, this.data);
    if (item && !cell.drawn) cell.drawn = this.pictures.draw(index, cell.canvas);
    cell.root.classList.toggle("waiting", !cell.drawn);
    cell.root.classList.toggle("active", index === this.active);
    cell.root.classList.toggle("selected", this.data.selectable && this.selected.has(index));
    cell.root.setAttribute("aria-selected", String(this.data.selectable && this.selected.has(index)));
    cell.root.setAttribute("aria-setsize", this.data.count);
    cell.root.setAttribute("aria-posinset", index + 1);
  }

  release(index, cell) {
    this.cells.delete(index);
    cell.root.remove();
    if (this.spare.length < 200) {
      cell.canvas.width = cell.canvas.width; // clears it
      this.spare.push(cell);
    }
  }

  describe() {
    const { count, noun, selectable } = this.data;
    const chosen = selectable ? this.selected.size : 0;
    const { refusal, waitsForOverlays } = this.pictures;
    const laid = this.laid();
    const maps = laid && (refusal || (waitsForOverlays ? "maps are on their way …" : laid.meaning));
    const parts = [this.data.tools ? `${count.toLocaleString("en")} ${noun}` : "", chosen > 0 ? `${chosen.toLocaleString("en")} selected` : "", maps];
    const text = parts.filter(Boolean).join(" · ");
    if (this.status.textContent !== text) this.status.textContent = text;
    this.none.disabled = chosen === 0;
  }

  // What people do.
  cellAt(event) {
    const root = event.composedPath().find((node) => node.classList?.contains("cell"));
    return root ? [...this.cells.values()].find((cell) => cell.root === root) : undefined;
  }

  pressed(event) {
    const cell = this.cellAt(event);
    if (!cell || event.button !== 0) return;
    const ticked = event.composedPath().includes(cell.tick);
    this.active = cell.index;
    if (!this.data.selectable) {
      this.pointer = [event.clientX, event.clientY];
      const opened = cell.index;
      this.view.addEventListener("pointerup", (up) => {
        const moved = Math.hypot(up.clientX - this.pointer[0], up.clientY - this.pointer[1]);
        if (moved < 6) this.open(opened);
      }, { once: true });
    } else if (event.shiftKey) {
      event.preventDefault();
      this.extend(cell.index, event.ctrlKey || event.metaKey);
    } else {
      if (ticked || event.ctrlKey || event.metaKey) this.selected.toggle(cell.index);
      else {
        this.selected.clear();
        this.selected.add(cell.index);
      }
      this.anchor = cell.index;
      this.tell();
    }
    this.view.focus({ preventScroll: true });
    this.paint();
  }

  doubled(event) {
    const cell = this.cellAt(event);
    if (cell && this.data.selectable && !event.composedPath().includes(cell.tick)) this.open(cell.index);
  }

  extend(index, keep) {
    if (!keep) this.selected.clear();
    this.selected.add(Math.min(this.anchor, index), Math.max(this.anchor, index));
    this.tell();
  }

  selectAll() {
    if (this.data.count > 0) this.selected.add(0, this.data.count - 1);
    this.tell();
    this.paint();
  }

  clear() {
    this.selected.clear();
    this.tell();
    this.paint();
  }

  open(index) {
    const item = this.pictures.item(index);
    // A selection still to be told would start a second run of the page and could cut off the one that opens.
    if (this.telling) this.tell(1200);
    if (item) this.component.setTriggerValue("open", { listing: this.data.listing, index, row: item.row });
  }

  tell(delay = 180) {
    if (!this.data.selectable) return;
    clearTimeout(this.telling);
    const { listing } = this.data;
    this.telling = setTimeout(() => {
      this.telling = 0;
      this.component.setStateValue("selection", { listing, ranges: this.selected.pairs.map((pair) => [...pair]) });
    }, delay);
  }

  key(event) {
    const { count, selectable } = this.data;
    if (count === 0) return;
    const page = Math.max(1, Math.floor(this.view.clientHeight / (this.height + GAP))) * this.columns;
    const down = this.data.layout === "strip" ? 1 : this.columns;
    const steps = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -down, ArrowDown: down, PageUp: -page, PageDown: page, Home: -count, End: count,
    };
    if (event.key in steps && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const target = this.active + steps[event.key];
      const jumps = event.key === "Home" || event.key === "End" || event.key.startsWith("Page");
      if (jumps || (target >= 0 && target < count)) this.active = clamp(target, 0, count - 1);
      if (selectable && event.shiftKey) this.extend(this.active, false);
      else this.anchor = this.active;
      this.reveal();
    } else if (event.key === " " && selectable) {
      this.selected.toggle(this.active);
      this.anchor = this.active;
      this.tell();
    } else if (event.key === "Enter" || event.key === " ") {
      this.open(this.active);
    } else if (event.key.toLowerCase() === "a" && (event.ctrlKey || event.metaKey) && selectable) {
      this.selectAll();
    } else if (event.key === "Escape" && selectable && this.selected.size > 0) {
      this.clear();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    this.paint();
  }

  reveal() {
    if (this.data.layout === "strip") {
      const left = this.active * (this.width + GAP);
      this.view.scrollLeft = clamp(this.view.scrollLeft, left + this.width - this.view.clientWidth, left);
      return;
    }
    const top = Math.floor(this.active / this.columns) * (this.height + GAP);
    this.view.scrollTop = clamp(this.view.scrollTop, top + this.height - this.view.clientHeight, top);
  }

  destroy() {
    this.observer.disconnect();
    this.over.destroy();
    this.frames.destroy();
    clearTimeout(this.settled);
    clearTimeout(this.telling);
    cancelAnimationFrame(this.drawing);
    this.pictures.destroy();
    this.root.remove();
  }
}

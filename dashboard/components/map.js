// The map: a million points to look at, point at and draw around. Python says what is drawn and decides what an area
// holds; what is only looked at (zoom, layers, values hidden in the legend) stays here and in the address.

import { element, mounted } from "./dom.js";
import { Camera, fromAddress, toAddress } from "./map_camera.js";
import { Cards } from "./map_cards.js";
import { picture, save, vector } from "./map_export.js";
import { FlatPoints } from "./map_flat.js";
import { Guests } from "./map_guests.js";
import { Hover } from "./map_hover.js";
import { Grid, simplified, within } from "./map_index.js";
import { Layers } from "./map_layers.js";
import { Legend } from "./map_legend.js";
import { chosenPictures, Density, drawOverlay } from "./map_overlay.js";
import { BEHIND, CHOSEN, GlPoints, POINT } from "./map_points.js";
import { Hands } from "./map_tools.js";

const SLOW = 45; // milliseconds of a frame beyond which fewer points are drawn while the map moves
const TOOLS = [["pan", "Move", "Drag moves the map (m)"], ["lasso", "Lasso", "Draw around points (l)"], ["box", "Box", "Draw a box (r)"]];
const kept = new WeakMap();

export default function mount(component) {
  return mounted(kept, component, (place) => new MapView(place));
}

class MapView {
  constructor(place) {
    this.camera = new Camera();
    this.arrays = { positions: new Float32Array(), codes: new Uint8Array(), flags: new Uint8Array() };
    this.loaded = {};
    this.areas = [];
    this.askedAt = 0; // when areas were last sent: until a page has heard of it, they stay as they were drawn
    this.drawing = [];
    this.step = 1;
    this.cards = new Cards(() => this.schedule());
    this.guests = new Guests(() => this.schedule());
    this.hover = new Hover();
    this.legend = new Legend(() => this.recoloured());
    this.layers = new Layers(() => this.relayered());
    this.build(place);
    this.hands = new Hands(this.stage, this);
    this.stage.addEventListener("pointerdown", () => { this.layers.root.open = false; });
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.stage);
  }

  build(place) {
    const button = (label, title, action) => element("button", { type: "button", title, "aria-label": title, onclick: action }, label);
    const group = (...parts) => element("div", { class: "group", role: "group" }, ...parts);
    this.buttons = new Map(TOOLS.map(([name, label, title]) => [name, button(label, title, () => this.take(name))]));
    this.without = button("Clear", "Let go of the area (Escape)", () => this.clear());
    this.without.disabled = true; // until an area is drawn
    this.status = element("span", { class: "status", "aria-live": "polite" });
    const step = (factor) => () => this.zoomed(this.camera.width / 2, this.camera.height / 2, factor);
    this.tools = element("div", { class: "tools" },
      group(...this.buttons.values(), this.without),
      group(button("−", "Zoom out (minus)", step(1 / 1.6)), button("+", "Zoom in (plus)", step(1.6)), button("Fit", "The whole map (0)", () => this.fit())),
      this.layers.root,
      group(button("PNG", "Save as a picture, with its legend", () => this.export("png")), button("SVG", "Save as a drawing, with its legend", () => this.export("svg"))),
      this.status);
    const canvas = () => element("canvas", { "aria-hidden": "true" });
    this.canvases = [canvas(), canvas(), canvas()];
    this.note = element("p", { class: "note", role: "alert", hidden: true });
    this.stage = element("div", { class: "stage", tabindex: "0", role: "application" }, ...this.canvases, this.note, this.hover.root);
    this.root = element("div", { class: "map" }, this.tools, this.stage, this.legend.root);
    place.append(this.root);
    this.density = new Density(this.canvases[0]);
    this.points = new GlPoints(this.canvases[1]);
    this.points.restored = () => this.schedule();
    if (!this.points.works) {
      this.points = new FlatPoints(this.canvases[1]);
      this.note.textContent = "This browser has no WebGL2, so the map is a still picture: it can be drawn around and pointed at, but not moved or enlarged. Another browser, or switching graphics acceleration on, brings the rest.";
      this.note.hidden = false;
    }
    this.still = this.points instanceof FlatPoints;
    this.take("pan");
  }

  async update(component) {
    this.component = component;
    const { data } = component;
    const first = !this.data;
    this.data = data;
    this.stage.setAttribute("aria-label", data.label);
    this.camera.bounds = data.bounds;
    if (data.heard >= this.askedAt) this.areas = data.areas;
    this.ringed = data.ringed;
    this.names = data.names;
    this.cards.reset({ items: data.items, sheet: data.sheet });
    this.guests.set(data.guests, data.base);
    this.layers.offer(data.offered, first ? fromAddress("layers") : null, { names: data.colouring.name === "cluster" });
    this.density.set(data.density);
    if (this.legendOf !== data.colouring.name) this.legend.set(data.colouring, fromAddress("hide"));
    else this.legend.set(data.colouring, this.legend.toText());
    this.legendOf = data.colouring.name;
    this.colours = null;
    this.resized();
    await Promise.all(["positions", "codes", "flags"].map((name) => this.load(name, data[name])));
    if (this.data !== data || this.gone) return;
    this.points.set("palette", (this.palette = this.legend.bytes()));
    if (this.arrays.positions.length && this.shownPositions !== data.positions) {
      this.shownPositions = data.positions;
      this.grid = null;
      this.camera.most = Math.min(4000, Math.max(60, 4 * Math.sqrt(this.arrays.codes.length)));
      this.camera.fromText(this.still ? "" : fromAddress("zoom"));
    }
    this.draw();
    this.points.finish();
    this.root.dataset.points = this.arrays.codes.length;
    this.root.dataset.state = `${data.positions} ${data.codes} ${data.flags}`;
    this.describe();
    if (!this.grid) setTimeout(() => this.index(), 30);
  }

  index() {
    if (this.gone || this.grid) return;
    this.grid = new Grid(this.arrays.positions);
    this.root.dataset.ready = "1";
    this.schedule();
  }

  async load(name, key) {
    if (this.loaded[name] === key) return;
    const answer = await fetch(`${this.data.base}/body/${key}`);
    if (answer.status === 410) this.component.setTriggerValue("expired", key);
    if (!answer.ok || this.data[name] !== key || this.gone) return;
    const body = await answer.arrayBuffer();
    if (this.data[name] !== key) return;
    this.loaded[name] = key;
    this.arrays[name] = name === "positions" ? new Float32Array(body) : new Uint8Array(body);
    this.points.set(name, this.arrays[name]);
  }

  // --- what is drawn -------------------------------------------------------------------------------------------------

  resized() {
    const [width, height] = [this.stage.clientWidth, this.stage.clientHeight];
    if (width < 2 || height < 2 || !this.data) return;
    this.ratio = Math.min(2, devicePixelRatio || 1);
    this.camera.resize(width, height);
    for (const canvas of this.canvases) {
      const [w, h] = [Math.round(width * this.ratio), Math.round(height * this.ratio)];
      if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    }
    this.draw();
  }

  theme() {
    const style = getComputedStyle(this.root);
    const colours = { font: style.fontFamily };
    for (const name of ["surface", "text", "muted", "line", "accent", "flagged", "reference", "alarm"]) {
      colours[name] = style.getPropertyValue(`--bs-${name}`).trim() || "#888888";
    }
    this.scale = parseFloat(style.getPropertyValue("--bs-scale")) || 1;
    return colours;
  }

  get size() {
    const count = this.arrays.codes.length;
    const base = count > 200000 ? 1.6 : count > 20000 ? 2.6 : count > 3000 ? 4.2 : 6.5;
    return Math.min(11, base * Math.max(1, this.camera.zoom) ** 0.4) * (this.scale ?? 1);
  }

  // Bits of the flags that are drawn as points.
  get kinds() {
    return (this.layers.on.points ? POINT : 0) | (this.layers.on.reference ? BEHIND : 0);
  }

  get faint() {
    return this.data.narrowed ? 0.13 : 0.85;
  }

  visible(row) {
    const { codes, flags } = this.arrays;
    return (flags[row] & this.kinds & 3) !== 0 && this.palette?.[4 * codes[row] + 3] > 0;
  }

  schedule(moving = false) {
    this.moving = moving || (this.moving && this.frame !== 0);
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw(this.moving);
      this.moving = false;
    });
  }

  draw(moving = false) {
    if (this.gone || !this.data || !this.ratio) return;
    const { camera, ratio } = this;
    this.colours ??= this.theme();
    const begun = performance.now();
    const step = moving ? this.step : 1;
    this.density.draw(camera, ratio, this.colours.reference, this.layers.on.density);
    this.points.draw(camera, { size: this.size, kinds: this.kinds, faint: this.faint, ratio, step });
    if (moving) {
      this.points.finish();
      const took = performance.now() - begun;
      this.step = took > SLOW ? Math.min(16, step * 2) : took < SLOW / 4 && step > 1 ? step / 2 : step;
      clearTimeout(this.resting);
      this.resting = setTimeout(() => this.rested(), 160);
    }
    this.overlay();
  }

  overlay() {
    this.shownPictures = drawOverlay(this.canvases[2].getContext("2d"), this.scene());
    this.root.dataset.pictures = this.shownPictures.length;
  }

  scene() {
    const { camera, ratio, colours, size, areas, drawing, ringed, names, cards, guests, grid, scale, faint } = this;
    const { positions, codes, flags } = this.arrays;
    const visible = (row) => this.visible(row);
    const layers = { ...this.layers.on, names: this.layers.on.names && names.length > 0 };
    return {
      camera, ratio, colours, size, areas, drawing, ringed, names, cards, guests, positions, layers, visible, scale, faint,
      drawingAdds: this.drawingAdds, hovered: this.hover.row, target: this.hover.target, colouring: this.data.colouring, title: this.data.title, dense: this.density.levels.length > 0,
      tint: (row) => this.data.colouring.palette[codes[row]], hidden: (code) => this.legend.hidden.has(code),
      chosen: (row) => (flags[row] & CHOSEN) !== 0,
      pictures: () => (this.moving ? [] : this.wanted(chosenPictures({ camera, grid, positions, visible, ringed, scale }))),
    };
  }

  wanted(pictures) {
    this.cards.want(pictures.map(({ row }) => row));
    return pictures;
  }

  rested() {
    this.schedule();
    this.settled();
  }

  // --- what people do ------------------------------------------------------------------------------------------------

  take(tool) {
    if (this.hands) this.hands.tool = tool;
    this.stage.dataset.tool = tool;
    for (const [name, button] of this.buttons) button.setAttribute("aria-pressed", String(name === tool));
  }

  recoloured() {
    this.points.set("palette", (this.palette = this.legend.bytes()));
    toAddress({ hide: this.legend.toText() });
    this.schedule();
  }

  relayered() {
    toAddress({ layers: this.layers.toText() });
    this.schedule();
  }

  fit() {
    this.camera.fit();
    this.settled();
    this.schedule();
  }

  panned(dx, dy, rest = false) {
    if (this.still) return;
    this.hover.hide();
    this.camera.pan(dx, dy);
    this.schedule(true);
    if (rest) this.settled();
  }

  zoomed(x, y, factor) {
    if (this.still) return;
    this.hover.hide();
    this.camera.zoomAt(x, y, factor);
    this.schedule(true);
  }

  settled() {
    toAddress({ zoom: this.camera.toText() });
  }

  drawn(path, op) {
    this.drawing = path.map((at) => this.camera.toData(...at));
    this.drawingAdds = op !== "subtract";
    this.hover.hide();
    this.overlay();
  }

  // An area was drawn: the browser counts for itself, Python decides.
  finished(path, op) {
    this.drawing = [];
    const places = this.camera.digits;
    const corners = simplified(path, 0.7)
      .map(([x, y]) => this.camera.toData(x, y).map((value) => Number(value.toFixed(places))));
    if (corners.length < 3) return this.overlay();
    const area = { corners, adds: op !== "subtract" };
    return this.choose(op ? [...this.areas, area] : [area]);
  }

  clear() {
    if (this.areas.length) this.choose([]);
  }

  // All areas are sent, not what changed: one drawn while the server still answers the last is not lost.
  choose(areas) {
    this.areas = areas;
    this.askedAt = Math.max(Date.now(), this.askedAt + 1, this.data.heard + 1);
    this.describe();
    this.overlay();
    const sent = areas.map(({ corners, adds }) => ({ corners: corners.flat(), adds }));
    this.component.setTriggerValue("area", { at: this.askedAt, areas: sent });
  }

  // What lies at a place on the screen: a guest, a picture, else the nearest point within reach; null for nothing.
  at(x, y, reach) {
    const { cards } = this;
    const guest = this.layers.on.placed ? this.guests.at(x, y, this.camera, this.scale ?? 1) : null;
    if (guest) return guest;
    const held = this.shownPictures?.findLast(({ box }) => x >= box[0] && y >= box[1] && x <= box[0] + box[2] && y <= box[1] + box[3]);
    if (held) return { cards, row: held.row };
    const row = this.grid?.nearest(...this.camera.toData(x, y), reach / this.camera.scale, (one) => this.visible(one)) ?? -1;
    return row < 0 ? null : { cards, row };
  }

  pointed(x, y, reach) {
    this.pointer = [x, y];
    if (this.looking) return;
    this.looking = requestAnimationFrame(() => {
      this.looking = 0;
      const target = this.at(...this.pointer, reach);
      const changed = !this.hover.is(target);
      this.stage.dataset.over = !target ? "0" : target.guest ? "guest" : "1";
      this.hover.show(target, this.pointer, [this.camera.width, this.camera.height]);
      if (changed) this.overlay();
    });
  }

  left() {
    if (!this.hover.target) return;
    this.hover.hide();
    this.overlay();
  }

  opened(x, y, reach) {
    const target = this.at(x, y, reach);
    if (target && !target.guest) this.component.setTriggerValue("open", { row: target.row });
  }

  key(name) {
    const middle = [this.camera.width / 2, this.camera.height / 2];
    const keys = {
      "+": () => this.zoomed(...middle, 1.6), "=": () => this.zoomed(...middle, 1.6), "-": () => this.zoomed(...middle, 1 / 1.6),
      0: () => this.fit(), m: () => this.take("pan"), l: () => this.take("lasso"), r: () => this.take("box"), Escape: () => this.clear(),
      Enter: () => this.hover.row >= 0 && this.component.setTriggerValue("open", { row: this.hover.row }),
    };
    keys[name]?.();
    return name in keys;
  }

  describe() {
    const { flags } = this.arrays;
    let points = 0;
    for (let i = 0; i < flags.length; i += 1) points += flags[i] & POINT;
    const said = [`${points.toLocaleString("en")} points`];
    delete this.root.dataset.inside;
    if (this.areas.length && this.arrays.positions.length) {
      const chosen = within(this.arrays.positions, this.areas);
      let inside = 0;
      for (let i = 0; i < chosen.length; i += 1) inside += chosen[i];
      this.root.dataset.inside = inside;
      said.push(`${inside.toLocaleString("en")} regions in the area`);
    }
    if (this.guests.count) said.push(`${this.guests.count.toLocaleString("en")} placed approximately`);
    this.status.textContent = said.join(" · ");
    this.without.disabled = this.areas.length === 0;
  }

  async export(kind) {
    this.hover.hide();
    this.draw();
    const blob = await { png: picture, svg: vector }[kind](this.scene(), this.canvases);
    save(blob, `benthoscope-map.${kind}`);
  }

  destroy() {
    this.gone = true;
    clearTimeout(this.resting);
    cancelAnimationFrame(this.frame);
    this.observer.disconnect();
    this.points.destroy();
    this.cards.destroy();
    this.guests.destroy();
    this.root.remove();
  }
}

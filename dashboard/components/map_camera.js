// What part of the plane is seen: centre in the map's coordinates, pixels to one of them; and its place in the address.

import { clamp } from "./dom.js";

const ROOM = 0.05;

export class Camera {
  constructor() {
    Object.assign(this, { x: 0, y: 0, scale: 1, width: 1, height: 1, bounds: [0, 0, 1, 1], fitted: true, most: 4000 });
  }

  resize(width, height) {
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
    if (this.fitted) this.fit();
  }

  get fitScale() {
    const [left, low, right, high] = this.bounds;
    const room = 1 - 2 * ROOM;
    const scale = Math.min((this.width * room) / (right - left || 1e-9), (this.height * room) / (high - low || 1e-9));
    return Number.isFinite(scale) && scale < 1e8 ? scale : 1;
  }

  fit() {
    const [left, low, right, high] = this.bounds;
    this.x = (left + right) / 2;
    this.y = (low + high) / 2;
    this.scale = this.fitScale;
    this.fitted = true;
  }

  get zoom() {
    return this.scale / this.fitScale;
  }

  toData(px, py) {
    return [this.x + (px - this.width / 2) / this.scale, this.y - (py - this.height / 2) / this.scale];
  }

  toScreen(x, y) {
    return [(x - this.x) * this.scale + this.width / 2, this.height / 2 - (y - this.y) * this.scale];
  }

  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y += dy / this.scale;
    this.keepInside();
  }

  zoomAt(px, py, factor) {
    const [x, y] = this.toData(px, py);
    this.scale = clamp(this.scale * factor, this.fitScale * 0.5, this.fitScale * this.most);
    const [nx, ny] = this.toData(px, py);
    this.x += x - nx;
    this.y += y - ny;
    this.keepInside();
  }

  // The map cannot be lost: its middle stays within reach.
  keepInside() {
    const [left, low, right, high] = this.bounds;
    this.x = clamp(this.x, left, right);
    this.y = clamp(this.y, low, high);
    this.fitted = false;
  }

  // Digits after the point that are a tenth of a pixel here.
  get digits() {
    return clamp(Math.ceil(Math.log10(this.scale)) + 1, 0, 9);
  }

  toText() {
    if (this.fitted) return "";
    const places = this.digits;
    return `${this.x.toFixed(places)}_${this.y.toFixed(places)}_${this.zoom.toFixed(3)}`;
  }

  fromText(text) {
    const [x, y, zoom] = (text ?? "").split("_").map(Number);
    if (![x, y, zoom].every(Number.isFinite) || !(zoom > 0)) return this.fit();
    Object.assign(this, { x, y, scale: this.fitScale * clamp(zoom, 0.5, this.most) });
    return this.keepInside();
  }
}

// The page's own parameters beside those that the server keeps; Streamlit sends the whole address with its next run.
export function fromAddress(name) {
  return new URLSearchParams(location.search).get(name) ?? "";
}

export function toAddress(values) {
  const address = new URL(location.href);
  for (const [name, value] of Object.entries(values)) {
    if (value) address.searchParams.set(name, value);
    else address.searchParams.delete(name);
  }
  if (address.href !== location.href) history.replaceState(history.state, "", address);
}

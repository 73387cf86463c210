// Points over two axes with their pictures: hovering or moving along with the arrow keys shows the picture, a click or
// Enter opens it. Drawn as SVG, so that what is saved is what is seen.

import { clamp, element, mounted } from "./dom.js";

const kept = new WeakMap();
const NS = "http://www.w3.org/2000/svg";
const REACH = 14; // pixels from a point at which it is meant

export default function mount(component) {
  return mounted(kept, component, (place) => new Scatter(place));
}

function shape(tag, attributes = {}, text = null) {
  const made = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text !== null) made.textContent = text;
  return made;
}

// Round steps that give at most `most` ticks over a range.
export function ticks(low, high, most) {
  const rough = Math.max((high - low) / most, 1e-12);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? rough;
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) found.push(Number(at.toPrecision(10)));
  return found;
}

class Scatter {
  constructor(place) {
    this.svg = shape("svg", { tabindex: "0", role: "img" });
    this.picture = element("img", { alt: "" });
    this.words = element("div", { class: "words" });
    this.card = element("div", { class: "card", hidden: true }, this.picture, this.words);
    const save = (kind) => element("button", { type: "button", onclick: () => this.save(kind) }, kind);
    this.tools = element("div", { class: "tools" }, "Save as ", save("PNG"), save("SVG"));
    this.status = element("div", { class: "spoken", "aria-live": "polite" });
    this.root = element("div", { class: "scatter" }, this.svg, this.card, this.tools, this.status);
    place.append(this.root);
    this.active = -1;
    this.svg.addEventListener("pointermove", (event) => this.point(this.nearest(event)));
    this.svg.addEventListener("pointerleave", () => this.point(-1));
    this.svg.addEventListener("blur", () => this.point(-1));
    this.svg.addEventListener("click", (event) => this.open(this.nearest(event)));
    this.svg.addEventListener("keydown", (event) => this.key(event));
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.root);
  }

  update(component) {
    this.component = component;
    this.data = component.data;
    this.active = -1;
    this.card.hidden = true;
    this.svg.setAttribute("aria-label", this.data.label);
    this.draw(true);
  }

  destroy() {
    this.observer.disconnect();
    this.root.remove();
  }

  colour(name) {
    return getComputedStyle(this.root).getPropertyValue(`--bs-${name}`).trim() || "#808080";
  }

  draw(anew = false) {
    const { data } = this;
    const width = this.root.clientWidth;
    if (!data || width < 50 || (!anew && width === this.width)) return;
    this.width = width;
    const scale = parseFloat(getComputedStyle(this.root).getPropertyValue("--bs-scale")) || 1;
    const height = data.height * scale;
    const size = 13 * scale;
    const box = { left: 68 * scale, right: width - 16, top: 44 * scale, bottom: height - 48 * scale };
    const [x0, x1] = data.xrange;
    const [y0, y1] = data.yrange;
    this.px = data.x.map((value) => box.left + ((value - x0) / (x1 - x0)) * (box.right - box.left));
    this.py = data.y.map((value) => box.top + ((value - y0) / (y1 - y0)) * (box.bottom - box.top));
    const text = this.colour("text");
    const muted = this.colour("muted");
    const line = this.colour("line");
    const font = { "font-size": size, "font-family": getComputedStyle(this.root).fontFamily, fill: muted };
    const parts = [shape("rect", { width, height, fill: this.colour("surface") })];
    for (const at of ticks(y0, y1, 7)) {
      const y = box.top + ((at - y0) / (y1 - y0)) * (box.bottom - box.top);
      parts.push(shape("line", { x1: box.left, x2: box.right, y1: y, y2: y, stroke: line }));
      parts.push(shape("text", { ...font, x: box.left - 8, y: y + size / 3, "text-anchor": "end" }, at.toLocaleString("en")));
    }
    for (const at of ticks(x0, x1, Math.max(3, Math.floor(width / 130)))) {
      const x = box.left + ((at - x0) / (x1 - x0)) * (box.right - box.left);
      parts.push(shape("line", { x1: x, x2: x, y1: box.bottom, y2: box.bottom + 5, stroke: line }));
      parts.push(shape("text", { ...font, x, y: box.bottom + size + 8, "text-anchor": "middle" }, String(at)));
    }
    const middle = (box.top + box.bottom) / 2;
    parts.push(shape("text", { ...font, fill: text, x: (box.left + box.right) / 2, y: height - 8, "text-anchor": "middle" },
      data.xtitle));
    parts.push(shape("text", { ...font, fill: text, x: size, y: middle, "text-anchor": "middle",
      transform: `rotate(-90 ${size} ${middle})` }, data.ytitle));
    const sets = [["reference", this.colour("reference")], ["target", this.colour("target")]];
    let key = box.left;
    for (const [name, colour] of [...sets, ["flagged", this.colour("flagged")]]) {
      const ring = name === "flagged";
      parts.push(shape("circle", { cx: key + 6, cy: 18 * scale, r: 5 * scale, fill: ring ? "none" : colour,
        stroke: ring ? colour : "none", "stroke-width": 2 }));
      parts.push(shape("text", { ...font, fill: text, x: key + 18, y: 18 * scale + size / 3 }, name));
      key += (34 + name.length * 7.4) * scale;
    }
    const marks = shape("g");
    const order = [...this.px.keys()].sort((a, b) => data.target[a] - data.target[b] || data.flagged[a] - data.flagged[b]);
    for (const i of order) {
      marks.append(shape("circle", { cx: this.px[i].toFixed(1), cy: this.py[i].toFixed(1), r: (data.target[i] ? 4 : 3) * scale,
        fill: sets[data.target[i]][1], "fill-opacity": data.target[i] ? 0.65 : 0.4,
        stroke: data.flagged[i] ? this.colour("flagged") : "none", "stroke-width": 2 }));
    }
    parts.push(marks);
    const inside = data.lines.filter(({ value }) => value >= x0 && value <= x1).sort((a, b) => a.value - b.value);
    for (const [i, { value, label, colour, dash }] of inside.entries()) {
      const x = box.left + ((value - x0) / (x1 - x0)) * (box.right - box.left);
      const last = i === inside.length - 1;
      const ink = this.colour(colour);
      parts.push(shape("line", { x1: x, x2: x, y1: box.top, y2: box.bottom, stroke: ink, "stroke-width": 2,
        "stroke-dasharray": dash ? "2 5" : "none" }));
      parts.push(shape("text", { ...font, fill: this.colour(`${colour}-text`), x: x + (last ? 6 : -6),
        y: box.top + size * (1 + 1.4 * i), "text-anchor": last ? "start" : "end" }, label));
    }
    this.halo = shape("circle", { r: 9 * scale, fill: "none", stroke: text, "stroke-width": 2, visibility: "hidden" });
    parts.push(this.halo);
    this.svg.setAttribute("width", width);
    this.svg.setAttribute("height", height);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren(...parts);
    this.order = [...this.px.keys()].sort((a, b) => data.x[b] - data.x[a]);
  }

  nearest(event) {
    const place = this.svg.getBoundingClientRect();
    const x = event.clientX - place.left;
    const y = event.clientY - place.top;
    let best = -1;
    let least = REACH ** 2;
    for (let i = 0; i < this.px.length; i += 1) {
      const far = (this.px[i] - x) ** 2 + (this.py[i] - y) ** 2;
      if (far < least) [best, least] = [i, far];
    }
    return best;
  }

  point(i, aloud = false) {
    if (i === this.active) return;
    this.active = i;
    this.card.hidden = i < 0;
    this.halo?.setAttribute("visibility", i < 0 ? "hidden" : "visible");
    this.svg.style.cursor = i < 0 ? "default" : "pointer";
    if (i < 0) return;
    const { data } = this;
    this.halo.setAttribute("cx", this.px[i]);
    this.halo.setAttribute("cy", this.py[i]);
    this.picture.src = `${data.base}/thumb/${data.image[i]}`;
    this.words.textContent = data.text[i];
    if (aloud) this.status.textContent = data.text[i];
    const wide = this.card.offsetWidth || 220;
    const tall = this.card.offsetHeight || 190;
    const left = this.px[i] + 18 + wide > this.width ? this.px[i] - wide - 18 : this.px[i] + 18;
    this.card.style.left = `${clamp(left, 0, Math.max(0, this.width - wide))}px`;
    this.card.style.top = `${clamp(this.py[i] - tall / 2, 0, Math.max(0, this.svg.clientHeight - tall))}px`;
  }

  key(event) {
    const steps = { ArrowRight: -1, ArrowUp: -1, ArrowLeft: 1, ArrowDown: 1 };
    if (event.key === "Enter") this.open(this.active);
    else if (event.key in steps && this.order?.length) {
      const at = this.order.indexOf(this.active);
      this.point(this.order[clamp(at < 0 ? 0 : at + steps[event.key], 0, this.order.length - 1)], true);
    } else return;
    event.preventDefault();
  }

  open(i) {
    if (i >= 0) this.component.setTriggerValue("open", { of: this.data.of, place: i });
  }

  save(kind) {
    this.point(-1);
    const source = new XMLSerializer().serializeToString(this.svg);
    const drawn = URL.createObjectURL(new Blob([source], { type: "image/svg+xml" }));
    const hand = (address, ending) => {
      const link = element("a", { href: address, download: `${this.data.file}.${ending}` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 1000);
    };
    if (kind === "SVG") {
      hand(drawn, "svg");
      return;
    }
    const image = new Image();
    image.onload = () => {
      const canvas = element("canvas", { width: this.svg.clientWidth * 2, height: this.svg.clientHeight * 2 });
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => hand(URL.createObjectURL(blob), "png"));
      URL.revokeObjectURL(drawn);
    };
    image.src = drawn;
  }
}

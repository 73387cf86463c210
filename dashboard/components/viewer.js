// One picture at full resolution: zoom, pan, boxes, layers, and keys for its neighbours.

import { clamp, element, mounted, recall, remember, typing } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const LAYER = "benthoscope-layer"; // another component lays a map of its own over this picture
const FILES = {
  overlay: ["Picture", "Save the map over its picture (PNG)"],
  map: ["Numbers", "Save the map's cells (NumPy .npy)"],
  boxes: ["Boxes", "Save the boxes where the map is high (COCO)"],
};
const kept = new WeakMap();

export default function mount(component) {
  return mounted(kept, component, (place) => new Viewer(place));
}

class Viewer {
  constructor(place) {
    const button = (label, title, action) =>
      element("button", { type: "button", title, "aria-label": title, onclick: action }, label);
    this.previous = button("‹", "Previous picture (left arrow)", () => this.move(-1));
    this.next = button("›", "Next picture (right arrow)", () => this.move(1));
    this.where = element("span", { class: "where" });
    this.scale = element("span", { class: "scale" });
    this.boxes = element("input", { type: "checkbox", onchange: (event) => this.showBoxes(event.target.checked) });
    this.boxes.checked = recall("boxes") !== "off";
    this.boxesLabel = element("label", {}, this.boxes, "Boxes");
    this.before = element("button", { type: "button", class: "before", title: "The picture as it is, while this is held down", "aria-pressed": "false" }, "Before");
    for (const [event, on] of [["pointerdown", true], ["pointerup", false], ["pointerleave", false], ["blur", false]])
      this.before.addEventListener(event, () => this.showPlain(on));
    this.before.addEventListener("keydown", (event) => event.key === " " && this.showPlain(true));
    this.before.addEventListener("keyup", () => this.showPlain(false));
    this.opacity = element("input", {
      type: "range", min: 0, max: 100, value: recall("opacity") ?? 60, "aria-label": "Opacity of the map",
      title: "Opacity of the map", oninput: (event) => this.setOpacity(Number(event.target.value)),
    });
    this.opacityLabel = element("label", {}, "Opacity", this.opacity);
    this.choice = element("select", { title: "Lay a map over the picture (w)", onchange: () => this.showLayer(this.choice.value) });
    this.choiceLabel = element("label", {}, "Why", this.choice);
    this.bar = element("div", { class: "bar" },
      this.previous, this.next, this.where, element("span", { class: "fill" }), this.choiceLabel, this.opacityLabel, this.before, this.boxesLabel,
      element("span", { class: "scales" },
        button("−", "Zoom out (minus)", () => this.zoomBy(1 / 1.4)),
        this.scale,
        button("+", "Zoom in (plus)", () => this.zoomBy(1.4)),
        button("Fit", "Whole picture (0)", () => this.fit()),
        button("1:1", "One picture pixel a screen pixel (1)", () => this.actual())));
    this.image = element("img", { class: "picture", draggable: "false", alt: "" });
    this.layer = element("canvas", { class: "layer", "aria-hidden": "true" });
    this.drawing = document.createElementNS(SVG, "svg");
    this.drawing.setAttribute("class", "drawing");
    this.drawing.setAttribute("aria-hidden", "true");
    this.sheet = element("div", { class: "sheet" }, this.image, this.layer, this.drawing);
    this.note = element("p", { class: "note", role: "status" });
    this.stage = element("div", { class: "stage", tabindex: "0", role: "group" }, this.sheet, this.note);
    this.legend = element("span", { role: "status" });
    this.files = element("span", { class: "files" }, ...Object.entries(FILES).map(([what, [name, title]]) =>
      element("a", { "data-file": what, download: "", title }, name)));
    this.files.hidden = true;
    this.below = element("p", { class: "legend" }, this.legend, this.files);
    this.root = element("div", { class: "viewer" }, this.stage, this.bar, this.below);
    place.append(this.root);

    this.view = { x: 0, y: 0, zoom: 1 };
    this.fitted = true;
    this.stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.stage.addEventListener("pointerdown", (event) => this.grab(event));
    this.stage.addEventListener("dblclick", (event) => this.toggleZoom(event));
    this.onKey = (event) => this.key(event);
    document.addEventListener("keydown", this.onKey, true);
    this.onLayer = (event) => this.offerMore(event.detail);
    document.addEventListener(LAYER, this.onLayer);
    this.observer = new ResizeObserver(() => (this.fitted ? this.fit() : this.apply()));
    this.observer.observe(this.stage);
  }

  update(component) {
    this.component = component;
    const { data } = component;
    const other = this.data?.image !== data.image;
    const otherwise = this.data?.source !== data.source; // another picture, or the same one shown otherwise
    this.data = data;
    this.before.hidden = data.source === data.plain;
    this.busy = false;
    this.stage.setAttribute("aria-label", data.label);
    this.image.alt = data.label;
    this.where.textContent = data.where;
    this.previous.disabled = !data.previous;
    this.next.disabled = !data.next;
    this.boxesLabel.hidden = data.boxes.length === 0;
    this.stage.style.aspectRatio = String(clamp(data.width / data.height, 1.25, 2.4));
    this.sheet.style.width = `${data.width}px`;
    this.sheet.style.height = `${data.height}px`;
    if (otherwise) this.load(data, other);
    this.offer(data.layers);
    this.setOpacity(Number(this.opacity.value));
    this.draw();
    if (other) this.fit();
  }

  load(data, other) {
    // The thumbnail of another picture stands in until the picture itself is decoded.
    this.note.textContent = "";
    if (other) this.image.src = data.preview;
    const full = new Image();
    full.src = data.source;
    full.decode().then(
      () => {
        if (this.data.source === data.source) this.image.src = data.source;
        for (const address of this.data.ahead) new Image().src = address;
      },
      () => {
        if (this.data.source === data.source) this.note.textContent = "The full picture cannot be shown; this is its thumbnail.";
      },
    );
  }

  showPlain(on) {
    if (this.before.hidden || (this.before.getAttribute("aria-pressed") === "true") === on) return;
    this.before.setAttribute("aria-pressed", String(on));
    this.image.src = on ? this.data.plain : this.data.source;
  }

  draw() {
    const { data } = this;
    this.drawing.setAttribute("viewBox", `0 0 ${data.width} ${data.height}`);
    this.drawing.replaceChildren();
    for (const box of data.boxes) {
      const mark = document.createElementNS(SVG, box.points ? "polygon" : "rect");
      if (box.points) mark.setAttribute("points", box.points.map((point) => point.join(",")).join(" "));
      else for (const [name, value] of Object.entries({ x: box.x, y: box.y, width: box.w, height: box.h })) mark.setAttribute(name, value);
      mark.setAttribute("class", box.kind);
      const title = document.createElementNS(SVG, "title");
      title.textContent = box.label;
      mark.append(title);
      this.drawing.append(mark);
      if (box.label && box.kind === "annotation") {
        const name = document.createElementNS(SVG, "text");
        name.setAttribute("x", box.x);
        name.setAttribute("y", box.y);
        name.textContent = box.label;
        this.drawing.append(name);
      }
    }
    this.showBoxes(this.boxes.checked);
    this.apply();
  }

  showBoxes(shown) {
    remember("boxes", shown ? "on" : "off");
    this.drawing.style.display = shown ? "" : "none";
  }

  setOpacity(percent) {
    remember("opacity", percent);
    this.layer.style.opacity = percent / 100;
  }

  // Layers. None is fetched before it is chosen; the choice stays while going from picture to picture.
  offer(layers) {
    this.layers = layers;
    const chosen = layers.some((layer) => layer.name === this.chosen) ? this.chosen : "";
    this.choiceLabel.hidden = layers.length === 0;
    this.choice.replaceChildren(
      element("option", { value: "" }, "off"),
      ...layers.map((layer) => element("option", { value: layer.name }, layer.name)),
    );
    this.showLayer(chosen, false);
  }

  offerMore(layer) {
    if (!this.layers.some((one) => one.name === layer.name)) this.offer([...this.layers, layer]);
    this.showLayer(layer.name);
  }

  async showLayer(name, asked = true) {
    if (asked) this.chosen = name;
    this.choice.value = name;
    this.opacityLabel.hidden = name === "";
    const layer = this.layers.find((one) => one.name === name);
    const url = layer?.url ?? "";
    if (url === this.layerUrl) return;
    this.layerUrl = url;
    this.fetching?.abort();
    clearInterval(this.asking);
    this.layer.width = this.layer.height = 1; // clears it
    this.below.className = "legend";
    this.files.hidden = true;
    this.legend.textContent = url ? "The map is on its way …" : "";
    if (!url) return;
    this.fetching = new AbortController();
    const { signal } = this.fetching;
    this.asking = setInterval(() => this.tellProgress(signal), 500);
    try {
      const answer = await fetch(url, { signal });
      const legend = answer.ok ? decodeURIComponent(answer.headers.get("Benthoscope-Legend") ?? "") : await answer.text();
      const map = answer.ok ? await createImageBitmap(await answer.blob()) : null;
      if (signal.aborted) return;
      this.explain(legend || layer.meaning, map, answer.headers.get("Benthoscope-Scale"), layer.files !== false);
    } catch {
      if (!signal.aborted) this.explain("The map did not come; choose it again to try once more.", null);
    }
  }

  async tellProgress(signal) {
    try {
      const { done, total } = await (await fetch(this.data.progress, { signal })).json();
      if (signal.aborted || !total || this.layer.width > 1) return;
      this.legend.textContent = total > 1 ? `Looking at the reference, once for this run: ${done} of ${total} pictures …` : "The map is on its way …";
    } catch {
      // The map itself will say what is wrong.
    }
  }

  nextLayer() {
    const names = ["", ...this.layers.map((layer) => layer.name)];
    this.showLayer(names[(names.indexOf(this.choice.value) + 1) % names.length]);
  }

  explain(legend, map, scale, files) {
    clearInterval(this.asking);
    this.legend.textContent = legend;
    if (!map) {
      this.layerUrl = null; // so that choosing it again, or another one, starts anew
      return;
    }
    this.below.className = `legend scaled ${scale === "plain" ? "plain" : ""}`;
    this.files.hidden = !files;
    for (const link of this.files.children) link.href = `${this.layerUrl}&as=${link.dataset.file}`;
    this.layer.width = map.width;
    this.layer.height = map.height;
    this.layer.getContext("2d").drawImage(map, 0, 0);
    map.close();
  }

  // Geometry. The sheet has the picture's own pixels; `zoom` is screen pixels a picture pixel.
  smallest() {
    const { clientWidth, clientHeight } = this.stage;
    return Math.min(clientWidth / this.data.width, clientHeight / this.data.height);
  }

  fit() {
    if (!this.data || this.stage.clientWidth === 0) return;
    const zoom = this.smallest();
    this.fitted = true;
    this.view = {
      zoom,
      x: (this.stage.clientWidth - this.data.width * zoom) / 2,
      y: (this.stage.clientHeight - this.data.height * zoom) / 2,
    };
    this.apply();
  }

  actual() {
    this.zoomTo(1 / (devicePixelRatio || 1));
  }

  zoomBy(factor, x, y) {
    this.zoomTo(this.view.zoom * factor, x, y);
  }

  zoomTo(zoom, x = this.stage.clientWidth / 2, y = this.stage.clientHeight / 2) {
    const fitting = this.smallest();
    const next = clamp(zoom, Math.min(fitting, 1 / (devicePixelRatio || 1)), 16);
    if (Math.abs(next - fitting) < 0.001 * fitting) {
      this.fit();
      return;
    }
    const factor = next / this.view.zoom;
    this.view = { zoom: next, x: x - (x - this.view.x) * factor, y: y - (y - this.view.y) * factor };
    this.fitted = false;
    this.apply();
  }

  toggleZoom(event) {
    const bounds = this.stage.getBoundingClientRect();
    if (this.fitted) this.zoomTo(Math.max(1, this.view.zoom * 3), event.clientX - bounds.left, event.clientY - bounds.top);
    else this.fit();
  }

  apply() {
    if (!this.data || this.stage.clientWidth === 0) return;
    const { clientWidth, clientHeight } = this.stage;
    const { view } = this;
    const width = this.data.width * view.zoom;
    const height = this.data.height * view.zoom;
    view.x = width <= clientWidth ? (clientWidth - width) / 2 : clamp(view.x, clientWidth - width, 0);
    view.y = height <= clientHeight ? (clientHeight - height) / 2 : clamp(view.y, clientHeight - height, 0);
    this.sheet.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.zoom})`;
    this.sheet.style.setProperty("--unit", String(1 / view.zoom));
    this.image.style.imageRendering = view.zoom > 4 ? "pixelated" : "auto";
    this.scale.textContent = `${Math.round(view.zoom * (devicePixelRatio || 1) * 100)} %`;
    this.stage.classList.toggle("pannable", !this.fitted);
  }

  wheel(event) {
    event.preventDefault();
    const bounds = this.stage.getBoundingClientRect();
    const step = clamp(-event.deltaY * (event.deltaMode === 1 ? 16 : 1), -200, 200);
    this.zoomBy(Math.exp(step / 320), event.clientX - bounds.left, event.clientY - bounds.top);
  }

  grab(event) {
    if (event.button !== 0 || this.fitted) return;
    const start = { x: event.clientX - this.view.x, y: event.clientY - this.view.y };
    this.stage.setPointerCapture(event.pointerId);
    const drag = (move) => {
      this.view.x = move.clientX - start.x;
      this.view.y = move.clientY - start.y;
      this.apply();
    };
    this.stage.addEventListener("pointermove", drag);
    this.stage.addEventListener("lostpointercapture", () => this.stage.removeEventListener("pointermove", drag), { once: true });
  }

  move(step) {
    if (this.busy || !(step < 0 ? this.data.previous : this.data.next)) return;
    this.busy = true;
    setTimeout(() => (this.busy = false), 1500);
    this.component.setTriggerValue("move", step);
  }

  key(event) {
    if (typing(event) || event.ctrlKey || event.metaKey || event.altKey || !this.root.isConnected) return;
    // A list that has the focus keeps its arrows; a slider too.
    const target = event.composedPath()[0];
    const listed = target instanceof Element && (target.closest('[role="listbox"], [role="tablist"], [role="radiogroup"], [role="application"]') || target.type === "range");
    const actions = {
      "+": () => this.zoomBy(1.4), "=": () => this.zoomBy(1.4), "-": () => this.zoomBy(1 / 1.4), 0: () => this.fit(),
      1: () => this.actual(), b: () => this.boxes.click(), w: () => this.nextLayer(),
      ...(listed ? {} : { ArrowLeft: () => this.move(-1), ArrowRight: () => this.move(1) }),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  destroy() {
    document.removeEventListener("keydown", this.onKey, true);
    document.removeEventListener(LAYER, this.onLayer);
    clearInterval(this.asking);
    this.observer.disconnect();
    this.fetching?.abort();
    this.root.remove();
  }
}

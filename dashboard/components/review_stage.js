// One picture to decide on: zoom, why-map, boxes that are drawn, moved and named by mouse or by keys alone.

import { clamp, element } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";

export class Stage {
  constructor(changed) {
    this.changed = changed; // called when boxes were edited
    this.frame = element("div", { class: "frame" });
    this.layer = element("canvas", { class: "layer", "aria-hidden": "true" });
    this.drawing = document.createElementNS(SVG, "svg");
    this.drawing.setAttribute("class", "drawing");
    this.drawing.setAttribute("aria-hidden", "true");
    this.note = element("p", { class: "on-stage", role: "status" });
    this.root = element("div", { class: "stage", role: "img" }, this.frame, this.layer, this.drawing, this.note);
    this.zoom = 1;
    this.boxes = [];
    this.selected = -1;
    this.root.addEventListener("pointerdown", (event) => this.pressed(event));
    this.observer = new ResizeObserver(() => this.layout());
    this.observer.observe(this.root);
  }

  show(item, layerName, boxes = []) {
    this.item = item;
    this.zoom = 1;
    this.middle = [0.5, 0.5];
    this.boxes = boxes;
    this.past = []; // what the boxes were before each change
    this.selected = -1;
    this.drawingOn = false;
    this.note.textContent = "";
    this.frame.replaceChildren();
    this.root.setAttribute("aria-label", item ? item.name : "no picture");
    this.layer.width = this.layer.height = 1;
    this.fetching?.abort();
    if (!item) {
      this.drawing.replaceChildren();
      return;
    }
    this.frame.append(item.picture);
    item.arrived = () => {
      if (!item.failed) return;
      item.picture.hidden = true; // its name stands above, and is not to be read twice on the dark
      if (this.item === item) this.note.textContent = "The picture's file cannot be shown.";
    };
    item.arrived();
    this.layout();
    this.showLayer(layerName);
  }

  // Geometry: the picture whole in the stage at zoom 1; nearer, a window on it around `middle`.
  layout() {
    if (!this.item || this.root.clientWidth === 0) return;
    const { width, height } = this.item;
    const { clientWidth, clientHeight } = this.root;
    const fit = Math.min(clientWidth / width, clientHeight / height);
    this.scale = fit * this.zoom;
    const place = (size, room, at) => (size <= room ? (room - size) / 2 : clamp(room / 2 - at * size, room - size, 0));
    this.left = place(width * this.scale, clientWidth, this.middle[0]);
    this.top = place(height * this.scale, clientHeight, this.middle[1]);
    for (const part of [this.frame, this.layer, this.drawing]) {
      part.style.left = `${this.left}px`;
      part.style.top = `${this.top}px`;
      part.style.width = `${width * this.scale}px`;
      part.style.height = `${height * this.scale}px`;
    }
    this.drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.draw();
  }

  nearer(factor) {
    this.zoom = clamp(this.zoom * factor, 1, 16);
    if (this.zoom === 1) this.middle = [0.5, 0.5];
    else if (this.item?.box && factor > 1) {
      const [x, y, w, h] = this.item.box;
      this.middle = [(x + w / 2) / this.item.width, (y + h / 2) / this.item.height];
    }
    this.layout();
  }

  pan(dx, dy) {
    this.middle = [clamp(this.middle[0] + dx / this.zoom, 0, 1), clamp(this.middle[1] + dy / this.zoom, 0, 1)];
    this.layout();
  }

  draw() {
    if (!this.item) return;
    const unit = 1 / this.scale;
    const marks = [];
    for (const mark of this.item.marks) marks.push(rectangle(mark, "annotation", unit));
    if (this.item.box) {
      const [x, y, w, h] = this.item.box;
      marks.push(rectangle({ x, y, w, h }, "region", unit));
    }
    this.boxes.forEach((box, at) => {
      marks.push(rectangle(box, at === this.selected ? "mine selected" : "mine", unit));
      if (box.concept) marks.push(label(box, unit));
    });
    this.drawing.replaceChildren(...marks);
    this.root.classList.toggle("draws", Boolean(this.drawingOn));
  }

  // Boxes.
  toggleDrawing() {
    this.drawingOn = !this.drawingOn;
    if (!this.drawingOn) this.selected = -1;
    this.draw();
    this.changed();
  }

  remember() {
    this.past.push(this.boxes.map((box) => ({ ...box })));
  }

  // The last change of a box is taken back; false when there is none.
  takeBack() {
    const before = this.past.pop();
    if (!before) return false;
    this.boxes = before;
    this.selected = Math.min(this.selected, before.length - 1);
    this.draw();
    this.changed();
    return true;
  }

  addBox(box) {
    const { width, height } = this.item;
    this.remember();
    const x = clamp(box.x, 0, width - 2);
    const y = clamp(box.y, 0, height - 2);
    const w = clamp(box.w, 2, width - x);
    const h = clamp(box.h, 2, height - y);
    this.boxes.push({ x, y, w, h });
    this.selected = this.boxes.length - 1;
    this.draw();
    this.changed();
  }

  addMiddle() {
    const { width, height } = this.item;
    const [x, y, w, h] = this.item.box ?? [width * 0.35, height * 0.35, width * 0.3, height * 0.3];
    this.addBox({ x, y, w, h });
  }

  // A click that moved nothing is no change to take back.
  forgetIdle() {
    const last = this.past[this.past.length - 1];
    if (last && JSON.stringify(last) === JSON.stringify(this.boxes)) this.past.pop();
  }

  nudge(dx, dy, grow) {
    const box = this.boxes[this.selected];
    if (!box) return;
    this.remember();
    const step = Math.max(1, Math.min(this.item.width, this.item.height) / 50);
    const { width, height } = this.item;
    if (grow) {
      box.w = clamp(box.w + dx * step, 2, width - box.x);
      box.h = clamp(box.h + dy * step, 2, height - box.y);
    } else {
      box.x = clamp(box.x + dx * step, 0, width - box.w);
      box.y = clamp(box.y + dy * step, 0, height - box.h);
    }
    this.draw();
    this.changed();
  }

  nextBox() {
    if (this.boxes.length > 0) this.selected = (this.selected + 1) % this.boxes.length;
    this.draw();
    this.changed();
  }

  removeBox() {
    if (this.selected < 0) return;
    this.remember();
    this.boxes.splice(this.selected, 1);
    this.selected = Math.min(this.selected, this.boxes.length - 1);
    this.draw();
    this.changed();
  }

  nameBox(concept) {
    if (this.boxes[this.selected]) {
      this.remember();
      this.boxes[this.selected].concept = concept;
    }
    this.draw();
    this.changed();
  }

  at(event) {
    const bounds = this.root.getBoundingClientRect();
    return [(event.clientX - bounds.left - this.left) / this.scale, (event.clientY - bounds.top - this.top) / this.scale];
  }

  pressed(event) {
    if (!this.item || event.button !== 0) return;
    const [x, y] = this.at(event);
    const hit = this.boxes.findLastIndex((box) => x >= box.x && x <= box.x + box.w && y >= box.y && y <= box.y + box.h);
    const start = { x: event.clientX, y: event.clientY };
    let drag;
    if (hit >= 0) {
      this.selected = hit;
      const box = this.boxes[hit];
      const corner = x > box.x + box.w * 0.75 && y > box.y + box.h * 0.75;
      const before = { ...box };
      this.remember();
      drag = (move) => {
        const dx = (move.clientX - start.x) / this.scale;
        const dy = (move.clientY - start.y) / this.scale;
        if (corner) {
          box.w = clamp(before.w + dx, 2, this.item.width - box.x);
          box.h = clamp(before.h + dy, 2, this.item.height - box.y);
        } else {
          box.x = clamp(before.x + dx, 0, this.item.width - box.w);
          box.y = clamp(before.y + dy, 0, this.item.height - box.h);
        }
      };
    } else if (this.drawingOn) {
      const fresh = { x, y, w: 0, h: 0 };
      drag = (move) => {
        const [to, down] = this.at(move);
        Object.assign(fresh, { x: Math.min(x, to), y: Math.min(y, down), w: Math.abs(to - x), h: Math.abs(down - y) });
        this.ghost = fresh;
      };
    } else if (this.zoom > 1) {
      const before = [...this.middle];
      drag = (move) => {
        this.middle = [
          clamp(before[0] - (move.clientX - start.x) / (this.item.width * this.scale), 0, 1),
          clamp(before[1] - (move.clientY - start.y) / (this.item.height * this.scale), 0, 1),
        ];
        this.layout();
      };
    } else return;
    event.preventDefault();
    this.root.setPointerCapture(event.pointerId);
    const moved = (move) => {
      drag(move);
      this.draw();
      if (this.ghost) this.drawing.append(rectangle(this.ghost, "mine selected", 1 / this.scale));
    };
    this.root.addEventListener("pointermove", moved);
    this.root.addEventListener("lostpointercapture", () => {
      this.root.removeEventListener("pointermove", moved);
      const { ghost } = this;
      this.ghost = null;
      if (ghost && ghost.w * this.scale > 5 && ghost.h * this.scale > 5) this.addBox(ghost);
      else this.draw();
      this.forgetIdle();
      this.changed();
    }, { once: true });
  }

  // Why-maps: fetched when asked for; the choice stays from picture to picture.
  async showLayer(name) {
    this.fetching?.abort();
    this.layer.width = this.layer.height = 1;
    const url = this.item?.layers.find((layer) => layer.name === name)?.url;
    if (!name || !this.item) {
      this.note.textContent = this.item?.failed ? "The picture's file cannot be shown." : "";
      return;
    }
    if (!url) {
      this.note.textContent = "There is no map for this picture.";
      return;
    }
    this.note.textContent = "The map is on its way …";
    const { signal } = (this.fetching = new AbortController());
    try {
      const answer = await fetch(url, { signal });
      const legend = answer.ok ? decodeURIComponent(answer.headers.get("Benthoscope-Legend") ?? "") : await answer.text();
      const map = answer.ok ? await createImageBitmap(await answer.blob()) : null;
      if (signal.aborted) return;
      this.note.textContent = legend;
      if (!map) return;
      this.layer.width = map.width;
      this.layer.height = map.height;
      this.layer.getContext("2d").drawImage(map, 0, 0);
      map.close();
    } catch {
      if (!signal.aborted) this.note.textContent = "The map did not come.";
    }
  }

  destroy() {
    this.observer.disconnect();
    this.fetching?.abort();
  }
}

function rectangle(box, kind, unit) {
  const mark = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x: box.x, y: box.y, width: box.w, height: box.h })) mark.setAttribute(name, value);
  mark.setAttribute("class", kind);
  mark.style.strokeWidth = `${(kind.includes("selected") ? 3 : 2) * unit}px`;
  return mark;
}

function label(box, unit) {
  const name = document.createElementNS(SVG, "text");
  name.setAttribute("x", box.x);
  name.setAttribute("y", box.y - 4 * unit);
  name.style.fontSize = `${14 * unit}px`;
  name.style.strokeWidth = `${3 * unit}px`;
  name.textContent = box.concept;
  return name;
}

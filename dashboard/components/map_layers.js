// What is drawn: a menu of layers, and its place in the address.

import { element } from "./dom.js";

const LAYERS = [
  ["density", "Density of the reference", true], ["reference", "Reference as points", false], ["points", "Points", true],
  ["rings", "The strangest, ringed", true], ["names", "Names of clusters", true], ["pictures", "Pictures, zoomed in", true],
  ["placed", "Placed approximately", true],
];

export class Layers {
  constructor(changed) {
    this.usual = Object.fromEntries(LAYERS.map(([name, , on]) => [name, on]));
    this.on = { ...this.usual };
    this.boxes = new Map();
    const lines = LAYERS.map(([name, label]) => {
      const box = element("input", {
        type: "checkbox", name,
        onchange: () => {
          this.on[name] = box.checked;
          changed();
        },
      });
      const line = element("label", {}, box, label);
      this.boxes.set(name, { box, line });
      return line;
    });
    this.root = element("details", { class: "layers" }, element("summary", { title: "What is drawn" }, "Layers"), element("div", {}, ...lines));
  }

  // Layers that this map has; `kept` is what the address says, null when it is not to be asked; `usual` says what is on
  // with this colouring unless someone chose otherwise.
  offer(names, kept, usual = {}) {
    for (const [name, on] of Object.entries(usual)) {
      if (this.on[name] === this.usual[name]) this.on[name] = on;
      this.usual[name] = on;
    }
    if (kept) for (const [name] of LAYERS) this.on[name] = kept.split(".").includes(name);
    for (const [name, { box, line }] of this.boxes) {
      line.hidden = !names.includes(name);
      box.checked = this.on[name];
    }
  }

  toText() {
    if (LAYERS.every(([name]) => this.on[name] === this.usual[name])) return "";
    return LAYERS.map(([name]) => name).filter((name) => this.on[name]).join(".") || "none";
  }
}

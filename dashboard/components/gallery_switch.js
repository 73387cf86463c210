// A switch that stands on every gallery and acts on all of them at once.

import { element } from "./dom.js";

export class Switch {
  // `pressed` is called once, in the gallery where it was pressed; `changed` in all of them, that one too.
  constructor(kind, pressed, changed) {
    this.event = `benthoscope-${kind}`;
    this.box = element("input", {
      type: "checkbox",
      onchange: () => {
        pressed(this.box.checked);
        document.dispatchEvent(new CustomEvent(this.event, { detail: this.box.checked }));
      },
    });
    this.name = element("span");
    this.root = element("label", { class: "switch" }, this.box, this.name);
    this.heard = (event) => changed(event.detail);
    document.addEventListener(this.event, this.heard);
  }

  // What it is called and how it stands; nothing where there is nothing to switch.
  show(what) {
    this.root.hidden = !what;
    this.root.title = what?.title ?? "";
    this.name.textContent = what?.name ?? "";
    this.set(what?.on ?? false);
  }

  set(on) {
    this.box.checked = on;
  }

  destroy() {
    document.removeEventListener(this.event, this.heard);
  }
}

// Hands on the map: drag, wheel, lasso, box, click and keys, told as what they mean.

const NEAR = 10; // pixels from a point that still mean it
const CLICK = 5; // pixels that a hand may tremble

export class Hands {
  // `map` answers to panned, zoomed, drawn, finished, pointed, opened, left, key.
  constructor(stage, map) {
    this.stage = stage;
    this.map = map;
    this.tool = "pan";
    stage.addEventListener("pointerdown", (event) => this.down(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    stage.addEventListener("pointerleave", () => this.map.left());
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("dblclick", (event) => this.map.zoomed(...this.at(event), event.shiftKey ? 0.5 : 2));
    stage.addEventListener("keydown", (event) => this.key(event));
  }

  at(event) {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  down(event) {
    if (event.button !== 0 || this.drag) return;
    this.stage.focus({ preventScroll: true });
    const start = this.at(event);
    const op = event.shiftKey ? "add" : event.altKey ? "subtract" : "";
    this.drag = { id: event.pointerId, start, last: start, moved: false, op, path: [start] };
    this.stage.setPointerCapture(event.pointerId);
    const end = (up) => {
      if (up.pointerId !== this.drag?.id) return;
      for (const name of ["pointerup", "pointercancel"]) this.stage.removeEventListener(name, end);
      const { drag } = this;
      this.drag = null;
      if (drag.dropped) return;
      if (up.type === "pointercancel") this.map.drawn([]);
      else if (!drag.moved) this.map.opened(...start, NEAR);
      else if (this.tool === "pan") this.map.settled();
      else this.map.finished(this.shape(drag), drag.op);
    };
    for (const name of ["pointerup", "pointercancel"]) this.stage.addEventListener(name, end);
  }

  shape({ path, start, last }) {
    return this.tool === "box" ? [start, [last[0], start[1]], last, [start[0], last[1]]] : path;
  }

  move(event) {
    const at = this.at(event);
    const { drag } = this;
    if (!drag) return this.map.pointed(...at, NEAR);
    if (drag.dropped) return undefined;
    if (!drag.moved && Math.hypot(at[0] - drag.start[0], at[1] - drag.start[1]) < CLICK) return undefined;
    drag.moved = true;
    const [dx, dy] = [at[0] - drag.last[0], at[1] - drag.last[1]];
    if (this.tool === "pan") this.map.panned(dx, dy);
    else if (this.tool === "lasso" && Math.hypot(dx, dy) < 2) return undefined;
    drag.last = at;
    if (this.tool === "lasso") drag.path.push(at);
    if (this.tool !== "pan") this.map.drawn(this.shape(drag), drag.op);
    return undefined;
  }

  wheel(event) {
    event.preventDefault();
    this.map.zoomed(...this.at(event), Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)));
  }

  // Let go of what is being drawn; the button is still held, and what it does until it is released counts for nothing.
  cancel() {
    this.drag.dropped = true;
    this.map.drawn([]);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const far = event.shiftKey ? 160 : 40;
    const steps = { ArrowLeft: [far, 0], ArrowRight: [-far, 0], ArrowUp: [0, far], ArrowDown: [0, -far] };
    if (event.key in steps) this.map.panned(...steps[event.key], true);
    else if (event.key === "Escape" && this.drag) this.cancel();
    else if (!this.map.key(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  }
}

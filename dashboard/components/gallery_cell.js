// One picture of the grid as the document has it: the frame that it is drawn into, and what is written under it.

import { element } from "./dom.js";

export function newCell() {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const tick = element("span", { class: "tick", "aria-hidden": "true" });
  const caption = element("div", { class: "caption" });
  const frame = element("div", { class: "frame" }, canvas, tick);
  return { root: element("div", { class: "cell", role: "option" }, frame, caption), canvas, tick, caption };
}

// A frame that will hold another picture says nothing of this one until that one's words are there.
export function clearCell(cell) {
  cell.canvas.width = cell.canvas.width; // clears it
  cell.caption.replaceChildren();
  cell.root.removeAttribute("aria-label");
  cell.root.removeAttribute("title");
  cell.root.removeAttribute("data-set");
  cell.root.classList.remove("flagged");
}

export function describeCell(cell, item, data) {
  cell.row = item.row;
  cell.drawn = false;
  const texts = data.named ? [item.name, ...item.lines] : item.lines;
  cell.caption.replaceChildren(
    ...texts.slice(0, data.lines).map((text, i) => element("div", i === 0 ? { class: "first" } : {}, text)),
  );
  const state = item.flagged ? ["flagged"] : [];
  cell.root.setAttribute("aria-label", [item.name, ...item.lines, ...state].join(", "));
  cell.root.title = [item.name, ...item.lines, ...state].join("\n");
  cell.root.classList.toggle("flagged", item.flagged);
  cell.root.dataset.set = item.set;
}

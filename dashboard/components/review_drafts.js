// Boxes that are drawn but not decided on yet: kept in this browser, so that a reload loses none of them.

import { forget, recall, remember } from "./dom.js";

export class Drafts {
  constructor(workspace) {
    this.workspace = workspace;
  }

  name(actor, region) {
    return `boxes-${this.workspace}-${actor}-${region}`;
  }

  of(actor, region) {
    try {
      const boxes = JSON.parse(recall(this.name(actor, region)) ?? "[]");
      return Array.isArray(boxes) ? boxes.filter(sound) : [];
    } catch {
      return [];
    }
  }

  keep(actor, region, boxes) {
    if (boxes.length) remember(this.name(actor, region), JSON.stringify(boxes));
    else forget(this.name(actor, region));
  }
}

function sound(box) {
  return box !== null && typeof box === "object" && ["x", "y", "w", "h"].every((side) => Number.isFinite(box[side]));
}

// What is drawn, and what can be done with it.
export function boxesSentence({ boxes, drawingOn, selected }) {
  const drawn = boxes.length === 1 ? "1 box" : `${boxes.length} boxes`;
  if (drawingOn) {
    return `Drawing (b ends): drag, or Enter for a box in the middle; arrows move it, with Shift they resize; Tab next, Delete removes, c names, z takes back. ${drawn}.`;
  }
  return boxes.length ? `${drawn} drawn${selected >= 0 ? "" : " (b to change)"}.` : "";
}

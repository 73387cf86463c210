// What a key does on the Review page, by what is shown: one picture, one with boxes that are drawn, or a grid.

export function actionFor(review, event) {
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  if (digit) return () => review.verdict(Number(digit[1]) - 1, event.shiftKey);
  const { stage, grid } = review;
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if (event.key in arrows) {
    const [dx, dy] = arrows[event.key];
    if (review.gridOn) return () => grid.move(dx, dy, event.shiftKey);
    if (stage.drawingOn && stage.selected >= 0) return () => stage.nudge(dx, dy, event.shiftKey);
    if (stage.zoom > 1) return () => stage.pan(dx * 0.15, dy * 0.15);
    return dx > 0 ? () => review.skip() : dx < 0 ? () => review.undo() : null;
  }
  if (review.gridOn && event.key === " ") return () => grid.toggle();
  if (review.gridOn && event.key === "a") return () => grid.all();
  if (review.gridOn && event.key === "Escape") return () => grid.none();
  if (stage.drawingOn && !review.gridOn) {
    if (event.key === "Enter") return () => stage.addMiddle();
    if (event.key === "Tab") return () => stage.nextBox();
    if (event.key === "Delete" || event.key === "Backspace") return () => stage.removeBox();
    if (event.key === "Escape") return () => stage.toggleDrawing();
    if (event.key === "z" && stage.past.length > 0) return () => stage.takeBack();
  }
  const actions = {
    s: () => review.skip(), z: () => review.undo(), Backspace: () => review.undo(), c: () => review.nameConcept(),
    r: () => { review.chosen = review.picker.recents[0] ?? ""; review.describe(); },
    n: () => review.noteField.focus(), b: () => stage.toggleDrawing(), w: () => review.nextLayer(), g: () => review.toggleGrid(),
    "?": () => review.toggleKeys(), "+": () => stage.nearer(1.5), "=": () => stage.nearer(1.5), "-": () => stage.nearer(1 / 1.5),
    0: () => stage.nearer(1 / 64), Escape: () => { review.chosen = ""; review.describe(); },
  };
  return actions[event.key];
}

// The map as a picture to take home, PNG or SVG: as it is seen, with its legend, its colour scale and a scale bar.

const MOST_CIRCLES = 20000;
const SVG = "http://www.w3.org/2000/svg";

// One list of shapes, painted by a canvas or written as SVG.
function legend(scene) {
  const { camera, colouring, colours, scale, title, layers, ringed, guests } = scene;
  const size = 13 * scale;
  const measure = document.createElement("canvas").getContext("2d");
  const wide = (text, bold) => {
    measure.font = `${bold ? 600 : 400} ${size}px ${colours.font}`;
    return measure.measureText(text).width;
  };
  const shapes = [{ text: title, x: 14, y: 26 * scale, size: 16 * scale, bold: true, fill: colours.text }];
  let [x, y] = [14, camera.height + 58 * scale];
  const entry = (text, mark) => {
    const width = wide(text) + 40 * scale;
    if (x + width > camera.width) [x, y] = [14, y + 22 * scale];
    shapes.push(mark(x + 5, y - size / 3), { text, x: x + 18, y, size, fill: colours.text });
    x += width;
  };
  shapes.push({ text: colouring.title, x, y, size, bold: true, fill: colours.text });
  x += wide(colouring.title, true) + 22;
  if (colouring.ticks.length) {
    const across = 260 * scale;
    for (let step = 0; step < 64; step += 1) {
      shapes.push({ rect: [x + (step * across) / 64, y - 10, across / 64 + 0.6, 10], fill: colouring.palette[1 + step * 4] });
    }
    for (const [share, text] of colouring.ticks) {
      shapes.push({ text, x: x + share * across, y: y + 15 * scale, size: size * 0.85, fill: colours.muted, middle: true });
    }
    x += across + 50 * scale;
  }
  for (const { code, name, count, colour } of colouring.entries) {
    if (!scene.hidden(code)) entry(`${name} (${count.toLocaleString("en")})`, (cx, cy) => ({ circle: [cx, cy, 5], fill: colour }));
  }
  if (layers.density && scene.dense) entry("density of the reference", (cx, cy) => ({ rect: [cx - 5, cy - 5, 10, 10], fill: colours.reference }));
  if (layers.rings && ringed.length) entry(`the ${ringed.length} strangest`, (cx, cy) => ({ circle: [cx, cy, 5], stroke: colours.flagged }));
  if (layers.placed && guests.count) entry("placed approximately", (cx, cy) => ({ rect: [cx - 4, cy - 4, 8, 8], stroke: colours.accent }));
  const unit = 10 ** Math.floor(Math.log10(140 / camera.scale));
  const length = [5, 2, 1].find((times) => times * unit * camera.scale <= 140) * unit;
  const [end, line] = [camera.width - 14, camera.height + 34 * scale];
  shapes.push(
    { rect: [end - length * camera.scale, line - 18, length * camera.scale, 2], fill: colours.text },
    { text: `${Number(length.toPrecision(2))} of the map's units`, x: end, y: line, size: size * 0.85, fill: colours.muted, end: true },
  );
  return { shapes, height: y + (colouring.ticks.length ? 34 : 26) * scale };
}

function draw(context, shapes, font) {
  for (const shape of shapes) {
    context.fillStyle = shape.fill;
    context.strokeStyle = shape.stroke;
    context.lineWidth = 2;
    context.beginPath();
    if (shape.rect) context.rect(...shape.rect);
    if (shape.circle) context.arc(...shape.circle, 0, 7);
    if (shape.stroke) context.stroke();
    else context.fill();
    if (shape.text !== undefined) {
      context.font = `${shape.bold ? 600 : 400} ${shape.size}px ${font}`;
      context.textAlign = shape.middle ? "center" : shape.end ? "right" : "left";
      context.textBaseline = "alphabetic";
      context.fillText(shape.text, shape.x, shape.y);
    }
  }
}

// `layers` are the three canvases; they must have been drawn in this very task.
export function picture(scene, layers) {
  const { camera, ratio, colours } = scene;
  const { shapes, height } = legend(scene);
  const canvas = document.createElement("canvas");
  canvas.width = camera.width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext("2d");
  context.fillStyle = colours.surface;
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (const layer of layers) context.drawImage(layer, 0, 0);
  context.scale(ratio, ratio);
  draw(context, shapes, colours.font);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

export function vector(scene, layers) {
  const { camera, colours, positions, visible, tint, size } = scene;
  const { shapes, height } = legend(scene);
  const svg = document.createElementNS(SVG, "svg");
  const add = (name, attributes, text) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
    if (text !== undefined) made.textContent = text;
    svg.append(made);
  };
  for (const [key, value] of Object.entries({ viewBox: `0 0 ${camera.width} ${height}`, width: camera.width, height })) svg.setAttribute(key, value);
  add("rect", { width: camera.width, height, fill: colours.surface });
  add("image", { width: camera.width, height: camera.height, href: layers[0].toDataURL() });
  const seen = [];
  for (let row = 0; row < positions.length / 2 && seen.length <= MOST_CIRCLES; row += 1) {
    const [x, y] = camera.toScreen(positions[2 * row], positions[2 * row + 1]);
    if (x >= 0 && y >= 0 && x <= camera.width && y <= camera.height && visible(row)) seen.push([x, y, tint(row), scene.chosen(row)]);
  }
  if (seen.length > MOST_CIRCLES) add("image", { width: camera.width, height: camera.height, href: layers[1].toDataURL() });
  else {
    for (const [x, y, fill, chosen] of seen) {
      add("circle", { cx: x.toFixed(2), cy: y.toFixed(2), r: size / 2, fill, "fill-opacity": chosen ? 0.85 : scene.faint });
    }
  }
  add("image", { width: camera.width, height: camera.height, href: layers[2].toDataURL() });
  for (const shape of shapes) {
    const paint = shape.stroke ? { fill: "none", stroke: shape.stroke, "stroke-width": 2 } : { fill: shape.fill };
    if (shape.rect) add("rect", { x: shape.rect[0], y: shape.rect[1], width: shape.rect[2], height: shape.rect[3], ...paint });
    if (shape.circle) add("circle", { cx: shape.circle[0], cy: shape.circle[1], r: shape.circle[2], ...paint });
    if (shape.text !== undefined) {
      add("text", {
        x: shape.x, y: shape.y, fill: shape.fill, "font-size": shape.size.toFixed(1), "font-family": "sans-serif",
        "font-weight": shape.bold ? 600 : 400, "text-anchor": shape.middle ? "middle" : shape.end ? "end" : "start",
      }, shape.text);
    }
  }
  return new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" });
}

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

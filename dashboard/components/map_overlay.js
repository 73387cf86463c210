// What lies behind and before the points: density, rings, names, pictures, areas, and what the pointer is at.

import { clamp } from "./dom.js";

const LEVELS = 12;
const CANDIDATES = 900; // points in view beyond which none becomes a picture
const PICTURES = 150;
const SIDE = 58;

// Hexagons of the reference, on the canvas behind the points.
export class Density {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.levels = [];
  }

  set(density) {
    this.levels = [];
    if (!density?.n?.length) return;
    const most = Math.log1p(Math.max(...density.n));
    const paths = Array.from({ length: LEVELS }, () => new Path2D());
    const radius = density.width / Math.sqrt(3);
    density.n.forEach((n, i) => {
      const path = paths[Math.min(LEVELS - 1, Math.floor((Math.log1p(n) / most) * LEVELS))];
      for (let corner = 0; corner < 6; corner += 1) {
        const angle = ((2 * corner + 1) * Math.PI) / 6;
        path[corner ? "lineTo" : "moveTo"](density.x[i] + radius * Math.cos(angle), density.y[i] + radius * Math.sin(angle));
      }
      path.closePath();
    });
    this.levels = paths.map((path, level) => ({ path, alpha: 0.12 + (0.5 * (level + 1)) / LEVELS }));
  }

  draw(camera, ratio, colour, shown) {
    const { context, canvas } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!shown) return;
    const scale = camera.scale * ratio;
    context.setTransform(scale, 0, 0, -scale, canvas.width / 2 - camera.x * scale, canvas.height / 2 + camera.y * scale);
    context.fillStyle = colour;
    for (const { path, alpha } of this.levels) {
      context.globalAlpha = alpha;
      context.fill(path);
    }
    context.globalAlpha = 1;
  }
}

// Everything before the points. `scene` is the map's state; see map.js.
export function drawOverlay(context, scene) {
  const { camera, ratio, layers, colours } = scene;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, camera.width, camera.height);
  if (layers.rings) {
    context.lineWidth = 2;
    context.strokeStyle = colours.flagged;
    for (const row of scene.ringed) ring(context, scene, row, scene.size / 2 + 3.5, []);
  }
  if (layers.placed) scene.guests.draw(context, scene);
  const pictures = layers.pictures ? drawPictures(context, scene) : [];
  for (const { corners, adds } of scene.areas) outline(context, camera, corners, colours, adds, true);
  if (scene.drawing.length > 1) outline(context, camera, scene.drawing, colours, scene.drawingAdds, false);
  if (layers.names) drawNames(context, scene);
  if (scene.hovered >= 0) {
    context.lineWidth = 2.5;
    context.strokeStyle = colours.text;
    ring(context, scene, scene.hovered, scene.size / 2 + 4, pictures);
  }
  return pictures;
}

function ring(context, { camera, positions, visible }, row, radius, pictures) {
  if (!visible(row)) return;
  const held = pictures.find((picture) => picture.row === row);
  const [x, y] = camera.toScreen(positions[2 * row], positions[2 * row + 1]);
  if (x < -20 || y < -20 || x > camera.width + 20 || y > camera.height + 20) return;
  context.beginPath();
  if (held) context.rect(...held.box);
  else context.arc(x, y, radius, 0, 7);
  context.stroke();
}

function outline(context, camera, corners, colours, adds, closed) {
  context.beginPath();
  for (const [x, y] of corners) context.lineTo(...camera.toScreen(x, y));
  if (closed) context.closePath();
  context.lineWidth = 2;
  context.strokeStyle = adds ? colours.accent : colours.alarm;
  context.setLineDash(adds ? [] : [6, 5]);
  context.stroke();
  context.setLineDash([]);
  if (!closed) {
    context.globalAlpha = 0.1;
    context.fillStyle = context.strokeStyle;
    context.fill();
    context.globalAlpha = 1;
  }
}

// Names where there is room, those of the largest clusters first.
function drawNames(context, { camera, names, colours, scale }) {
  context.font = `600 ${12.5 * scale}px ${colours.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  const taken = [];
  for (const { x, y, text } of names) {
    const [at, py] = camera.toScreen(x, y);
    if (at < 0 || py < 0 || at > camera.width || py > camera.height) continue;
    const short = text.length > 34 ? `${text.slice(0, 33)}…` : text;
    const half = context.measureText(short).width / 2 + 4;
    const px = clamp(at, half, camera.width - half);
    const box = [px - half, py - 10 * scale, px + half, py + 10 * scale];
    if (taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
    taken.push(box);
    context.lineWidth = 4 * scale;
    context.strokeStyle = colours.surface;
    context.strokeText(short, px, py);
    context.fillStyle = colours.text;
    context.fillText(short, px, py);
  }
}

// Points as their pictures, where few are in view: one to a place, the strangest first.
export function chosenPictures({ camera, grid, positions, visible, ringed, scale }) {
  if (!grid || camera.zoom < 1.2 && positions.length > 400) return [];
  const [left, high] = camera.toData(0, 0);
  const [right, low] = camera.toData(camera.width, camera.height);
  const found = [];
  let many = 0;
  grid.around(left, low, right, high, (row) => {
    const [x, y] = [positions[2 * row], positions[2 * row + 1]];
    if (x >= left && x <= right && y >= low && y <= high && visible(row)) found.push(row);
    many += 1;
    return found.length <= CANDIDATES && many < 200000;
  });
  if (found.length > CANDIDATES) return [];
  const first = new Set(ringed);
  found.sort((a, b) => first.has(b) - first.has(a) || a - b);
  const step = SIDE * scale + 5;
  const taken = new Map();
  for (const row of found) {
    const [x, y] = camera.toScreen(positions[2 * row], positions[2 * row + 1]);
    const near = [-1, 0, 1].flatMap((i) => [-1, 0, 1].map((j) => taken.get(`${Math.floor(x / step) + i} ${Math.floor(y / step) + j}`)));
    if (near.some((other) => other && Math.abs(other.x - x) < step && Math.abs(other.y - y) < step * 0.75)) continue;
    const key = `${Math.floor(x / step)} ${Math.floor(y / step)}`;
    if (!taken.has(key)) taken.set(key, { row, x, y });
    if (taken.size >= PICTURES) break;
  }
  return [...taken.values()];
}

function drawPictures(context, scene) {
  const { cards, colours, scale, tint, layers } = scene;
  const drawn = [];
  const strange = new Set(layers.rings ? scene.ringed : []);
  context.lineWidth = 2.5;
  for (const { row, x, y } of scene.pictures()) {
    const box = cards.draw(context, row, x, y, SIDE * scale);
    if (!box) continue;
    context.strokeStyle = strange.has(row) ? colours.flagged : tint(row);
    context.strokeRect(...box);
    drawn.push({ row, box });
  }
  return drawn;
}

// Points without WebGL2: a still picture of the whole map, every point a few pixels of an image.

export class FlatPoints {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.arrays = {};
  }

  set(name, array) {
    this.arrays[name] = array;
  }

  draw(camera, { size, kinds, faint, ratio }) {
    const { context, canvas, arrays } = this;
    context.clearRect(0, 0, canvas.width, canvas.height);
    const { positions, codes, flags, palette } = arrays;
    if (!positions || !codes || !flags || !palette) return;
    const image = context.createImageData(canvas.width, canvas.height);
    const pixels = image.data;
    const side = Math.max(1, Math.round(size * ratio));
    const scale = camera.scale * ratio;
    const left = canvas.width / 2 - camera.x * scale;
    const top = canvas.height / 2 + camera.y * scale;
    for (const chosen of [0, 4]) {
      for (let i = 0; i < codes.length; i += 1) {
        const at = 4 * codes[i];
        if ((flags[i] & 4) !== chosen || (flags[i] & kinds & 3) === 0 || palette[at + 3] === 0) continue;
        const x = Math.round(left + positions[2 * i] * scale - side / 2);
        const y = Math.round(top - positions[2 * i + 1] * scale - side / 2);
        const alpha = ((chosen ? 0.9 : faint) * palette[at + 3]);
        for (let row = Math.max(0, y); row < Math.min(canvas.height, y + side); row += 1) {
          for (let column = Math.max(0, x); column < Math.min(canvas.width, x + side); column += 1) {
            const to = 4 * (row * canvas.width + column);
            pixels[to] = palette[at];
            pixels[to + 1] = palette[at + 1];
            pixels[to + 2] = palette[at + 2];
            pixels[to + 3] = alpha;
          }
        }
      }
    }
    context.putImageData(image, 0, 0);
  }

  finish() {}

  destroy() {}
}

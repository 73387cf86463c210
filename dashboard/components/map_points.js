// Points by WebGL2 in one draw call: positions, a byte of colour and a byte of flags a point, and a palette of 256.

export const POINT = 1;
export const BEHIND = 2;
export const CHOSEN = 4;

const VERTEX = `#version 300 es
layout(location=0) in vec2 place;
layout(location=1) in uint code;
layout(location=2) in uint flags;
uniform vec2 centre;
uniform vec2 scale;
uniform float size;
uniform float faint;
uniform uint kinds;
uniform sampler2D palette;
flat out vec4 tone;
void main() {
  vec4 colour = texelFetch(palette, ivec2(int(code), 0), 0);
  if ((flags & kinds & 3u) == 0u || colour.a == 0.0) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    gl_PointSize = 0.0;
    return;
  }
  bool chosen = (flags & 4u) != 0u;
  float strong = chosen ? 0.85 : faint;
  tone = vec4(colour.rgb, 1.0) * strong * colour.a;
  // What is chosen lies before what is not, a named value before an unnamed one, in one pass.
  float depth = (chosen ? 0.0 : 0.5) + (colour.a < 1.0 ? 0.25 : 0.0);
  gl_Position = vec4((place - centre) * scale, depth, 1.0);
  gl_PointSize = size * (chosen || faint > 0.5 ? 1.0 : 0.8);
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
flat in vec4 tone;
uniform bool round_;
out vec4 colour;
void main() {
  if (round_) {
    vec2 from = gl_PointCoord - 0.5;
    if (dot(from, from) > 0.25) discard;
  }
  colour = tone;
}`;

export class GlPoints {
  constructor(canvas) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl2", { alpha: true, premultipliedAlpha: true, antialias: false, depth: true });
    this.arrays = {};
    if (!this.gl) return;
    this.lost = (event) => event.preventDefault();
    this.back = () => {
      this.prepare();
      for (const [name, array] of Object.entries(this.arrays)) this.set(name, array);
      this.restored?.();
    };
    canvas.addEventListener("webglcontextlost", this.lost);
    canvas.addEventListener("webglcontextrestored", this.back);
    this.prepare();
  }

  get works() {
    return Boolean(this.gl);
  }

  prepare() {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new Error(`map: ${gl.getProgramInfoLog(program)}`);
    }
    gl.useProgram(program);
    this.where = Object.fromEntries(
      ["centre", "scale", "size", "faint", "kinds", "palette", "round_"].map((name) => [name, gl.getUniformLocation(program, name)]),
    );
    this.buffers = { positions: gl.createBuffer(), codes: gl.createBuffer(), flags: gl.createBuffer() };
    this.layout(1);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL);
    gl.clearColor(0, 0, 0, 0);
  }

  // Every `step`-th point: what moves under slow hands is drawn thinner.
  layout(step) {
    const { gl } = this;
    this.step = step;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers.positions);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 8 * step, 0);
    for (const [place, name] of [[1, "codes"], [2, "flags"]]) {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribIPointer(place, 1, gl.UNSIGNED_BYTE, step, 0);
    }
  }

  // `name` is positions, codes, flags or palette.
  set(name, array) {
    const { gl } = this;
    this.arrays[name] = array;
    if (gl.isContextLost()) return;
    if (name === "palette") {
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, array);
      return;
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, array, gl.STATIC_DRAW);
  }

  draw(camera, { size, kinds, faint, step, ratio }) {
    const { gl, canvas, arrays } = this;
    if (gl.isContextLost()) return;
    if (step !== this.step) this.layout(step);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    if (!arrays.positions || !arrays.codes || !arrays.flags || !arrays.palette) return;
    gl.uniform2f(this.where.centre, camera.x, camera.y);
    gl.uniform2f(this.where.scale, (2 * camera.scale) / camera.width, (2 * camera.scale) / camera.height);
    gl.uniform1f(this.where.size, size * ratio);
    gl.uniform1f(this.where.faint, faint);
    gl.uniform1ui(this.where.kinds, kinds);
    gl.uniform1i(this.where.round_, size * ratio > 2.5 ? 1 : 0);
    gl.drawArrays(gl.POINTS, 0, Math.floor(arrays.positions.length / 2 / step));
  }

  finish() {
    // Reading one pixel waits until everything is drawn.
    this.gl.readPixels(0, 0, 1, 1, this.gl.RGBA, this.gl.UNSIGNED_BYTE, new Uint8Array(4));
  }

  destroy() {
    if (!this.gl) return;
    this.canvas.removeEventListener("webglcontextlost", this.lost);
    this.canvas.removeEventListener("webglcontextrestored", this.back);
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

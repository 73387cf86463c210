// Where points are: a grid for the nearest one, and which lie inside of a polygon.

export class Grid {
  constructor(positions) {
    const count = positions.length / 2;
    this.positions = positions;
    let [left, low, right, high] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < count; i += 1) {
      const x = positions[2 * i];
      const y = positions[2 * i + 1];
      if (!(x === x && y === y)) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < low) low = y;
      if (y > high) high = y;
    }
    Object.assign(this, { left, low });
    this.side = Math.max(1, Math.min(1024, Math.round(Math.sqrt(count / 2))));
    this.step = Math.max(right - left, high - low, 1e-9) / this.side;
    this.starts = new Uint32Array(this.side * this.side + 1);
    const cells = new Int32Array(count).fill(-1);
    for (let i = 0; i < count; i += 1) {
      if (!(positions[2 * i] === positions[2 * i])) continue;
      cells[i] = this.line(positions[2 * i + 1]) * this.side + this.column(positions[2 * i]);
      this.starts[cells[i] + 1] += 1;
    }
    for (let cell = 0; cell < this.side * this.side; cell += 1) this.starts[cell + 1] += this.starts[cell];
    const next = this.starts.slice();
    this.order = new Uint32Array(this.starts[this.side * this.side]);
    for (let i = 0; i < count; i += 1) if (cells[i] >= 0) this.order[next[cells[i]]++] = i;
  }

  column(x) {
    return Math.min(this.side - 1, Math.max(0, Math.floor((x - this.left) / this.step)));
  }

  line(y) {
    return Math.min(this.side - 1, Math.max(0, Math.floor((y - this.low) / this.step)));
  }

  // Calls `each` with every point of a rectangle's cells; `each` returns false to stop.
  around(left, low, right, high, each) {
    const [first, last] = [this.column(left), this.column(right)];
    for (let line = this.line(low); line <= this.line(high); line += 1) {
      const end = this.starts[line * this.side + last + 1];
      for (let at = this.starts[line * this.side + first]; at < end; at += 1) if (each(this.order[at]) === false) return;
    }
  }

  // The nearest point within `reach` that `fits`; -1 when there is none.
  nearest(x, y, reach, fits) {
    let best = -1;
    let least = reach * reach;
    this.around(x - reach, y - reach, x + reach, y + reach, (i) => {
      const away = (this.positions[2 * i] - x) ** 2 + (this.positions[2 * i + 1] - y) ** 2;
      if (away <= least && fits(i)) [best, least] = [i, away];
    });
    return best;
  }
}

// Which points areas choose, one after the other: the server's rule, term by term (see core/space/areas.py).
export function within(positions, areas) {
  const count = positions.length / 2;
  const chosen = new Uint8Array(count);
  areas.forEach(({ adds, corners }, turn) => {
    if (turn === 0 && !adds) for (let i = 0; i < count; i += 1) chosen[i] = positions[2 * i] === positions[2 * i] ? 1 : 0;
    const inside = crossings(corners);
    for (let i = 0; i < count; i += 1) if (inside(positions[2 * i], positions[2 * i + 1])) chosen[i] = adds ? 1 : 0;
  });
  return chosen;
}

// A test for points: even-odd, looking only at the edges of a point's own slab.
function crossings(corners) {
  const ys = corners.map(([, y]) => y);
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const slabs = Array.from({ length: 128 }, () => []);
  const slab = (y) => Math.min(127, Math.max(0, Math.floor(((y - low) / (high - low || 1)) * 128)));
  corners.forEach(([xi, yi], at) => {
    const [xj, yj] = corners[(at + corners.length - 1) % corners.length];
    for (let s = slab(Math.min(yi, yj)); s <= slab(Math.max(yi, yj)); s += 1) slabs[s].push(xi, yi, xj, yj);
  });
  const edges = slabs.map((list) => Float64Array.from(list));
  return (x, y) => {
    if (!(y >= low && y < high)) return false;
    const list = edges[slab(y)];
    let odd = false;
    for (let e = 0; e < list.length; e += 4) {
      const [xi, yi, xj, yj] = [list[e], list[e + 1], list[e + 2], list[e + 3]];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
    }
    return odd;
  };
}

// Fewer corners within a tolerance (Douglas & Peucker 1973), at most `most`.
export function simplified(corners, tolerance, most = 120) {
  let result = corners;
  for (let wide = tolerance; ; wide *= 2) {
    result = thinned(corners, wide);
    if (result.length <= most) return result;
  }
}

function thinned(corners, tolerance) {
  const keep = new Uint8Array(corners.length);
  keep[0] = keep[corners.length - 1] = 1;
  const open = [[0, corners.length - 1]];
  while (open.length) {
    const [from, to] = open.pop();
    let far = 0;
    let at = -1;
    const [[ax, ay], [bx, by]] = [corners[from], corners[to]];
    const length = Math.hypot(bx - ax, by - ay);
    for (let i = from + 1; i < to; i += 1) {
      const [x, y] = corners[i];
      const away = length > 0 ? Math.abs((bx - ax) * (ay - y) - (ax - x) * (by - ay)) / length : Math.hypot(x - ax, y - ay);
      if (away > far) [far, at] = [away, i];
    }
    if (far > tolerance) {
      keep[at] = 1;
      open.push([from, at], [at, to]);
    }
  }
  return corners.filter((_, i) => keep[i]);
}

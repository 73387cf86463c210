// A set of whole numbers kept as sorted, disjoint, inclusive ranges: selecting a million items costs one pair.

export class Ranges {
  constructor(pairs = []) {
    this.pairs = [];
    for (const [low, high] of pairs) this.add(low, high);
  }

  get size() {
    return this.pairs.reduce((sum, [low, high]) => sum + high - low + 1, 0);
  }

  // Index of the first range that ends at or after value.
  _find(value) {
    let low = 0;
    let high = this.pairs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.pairs[middle][1] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  has(value) {
    const pair = this.pairs[this._find(value)];
    return pair !== undefined && pair[0] <= value;
  }

  add(low, high = low) {
    const from = this._find(low - 1);
    let to = from;
    while (to < this.pairs.length && this.pairs[to][0] <= high + 1) {
      low = Math.min(low, this.pairs[to][0]);
      high = Math.max(high, this.pairs[to][1]);
      to += 1;
    }
    this.pairs.splice(from, to - from, [low, high]);
  }

  remove(low, high = low) {
    const from = this._find(low);
    const kept = [];
    let to = from;
    while (to < this.pairs.length && this.pairs[to][0] <= high) {
      const [first, last] = this.pairs[to];
      if (first < low) kept.push([first, low - 1]);
      if (last > high) kept.push([high + 1, last]);
      to += 1;
    }
    this.pairs.splice(from, to - from, ...kept);
  }

  toggle(value) {
    if (this.has(value)) this.remove(value);
    else this.add(value);
  }

  clear() {
    this.pairs = [];
  }
}

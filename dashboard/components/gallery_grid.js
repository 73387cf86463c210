// Where the cells of a gallery lie: in a grid as fine as people wish, in rows of a few, or in one strip.

import { clamp } from "./dom.js";

const GAP = 8;
const EDGE = 3; // the view's padding, room for the rings

export class Grid {
  constructor(view) {
    this.view = view;
    this.columns = 0; // nothing has been laid out yet
  }

  // How many columns, how large a cell and its picture, how large everything; false where there is no room at all.
  // `wished` is the width of a picture and `caption` the height under it, both in pixels.
  fit({ layout, count, columns }, aspect, wished, caption) {
    const width = this.view.clientWidth - 2 * EDGE;
    if (width <= 0) return false;
    this.strip = layout === "strip";
    this.count = count;
    if (this.strip) {
      this.columns = Math.max(1, count);
      this.picture = Math.max(40, this.view.clientHeight - caption - 2 * EDGE);
      this.width = this.picture * aspect;
    } else {
      if (layout === "rows") this.columns = width >= 880 ? columns : Math.ceil(columns / 2);
      else this.columns = Math.max(1, Math.round((width + GAP) / (wished + GAP)));
      this.width = (width - GAP * (this.columns - 1)) / this.columns;
      this.picture = this.width / aspect;
    }
    this.height = this.picture + caption;
    return true;
  }

  get wholeWidth() {
    return this.columns * (this.width + GAP) - GAP;
  }

  get wholeHeight() {
    return Math.max(0, Math.ceil(this.count / this.columns) * (this.height + GAP) - GAP);
  }

  left(index) {
    return (index % this.columns) * (this.width + GAP);
  }

  top(index) {
    return Math.floor(index / this.columns) * (this.height + GAP);
  }

  // The cells to be drawn, those in view and a few around them: from the first to before the last.
  visible() {
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.view;
    const within = (value) => clamp(value, 0, this.count);
    if (this.strip) {
      const step = this.width + GAP;
      return [within(Math.floor(scrollLeft / step) - 2), within(Math.ceil((scrollLeft + clientWidth) / step) + 2)];
    }
    const step = this.height + GAP;
    const first = Math.max(0, Math.floor(scrollTop / step) - 1);
    return [within(first * this.columns), within((Math.ceil((scrollTop + clientHeight) / step) + 1) * this.columns)];
  }

  // The first cell of the topmost line in view.
  get highest() {
    return Math.floor(this.view.scrollTop / (this.height + GAP)) * this.columns;
  }

  // How far one key goes: to the next line, to the next screen.
  get line() {
    return this.strip ? 1 : this.columns;
  }

  get screen() {
    return Math.max(1, Math.floor(this.view.clientHeight / (this.height + GAP))) * this.columns;
  }

  scrollTo(index) {
    if (!this.strip) this.view.scrollTop = this.top(index);
  }

  // Scroll no further than it takes to see a cell whole.
  reveal(index) {
    const { view } = this;
    if (this.strip) {
      const left = this.left(index);
      view.scrollLeft = clamp(view.scrollLeft, left + this.width - view.clientWidth, left);
    } else {
      const top = this.top(index);
      view.scrollTop = clamp(view.scrollTop, top + this.height - view.clientHeight, top);
    }
  }
}

// Asks now and then whether anything happened to the jobs, and has the page told once nobody is choosing or typing.

import { element, mounted } from "./dom.js";

const kept = new WeakMap();
const QUIET = 3000; // milliseconds without a key until someone in a field no longer counts as typing
const LISTS = '[role="listbox"], [role="menu"], [data-baseweb="popover"], [data-testid="stPopoverBody"], [aria-haspopup][aria-expanded="true"]';

export default function mount(component) {
  return mounted(kept, component, (place) => new News(place));
}

class News {
  constructor(place) {
    this.button = element("button", { type: "button", class: "news", hidden: true, onclick: () => this.tell() },
      "Something happened in the queue: show it");
    place.append(this.button);
    this.typed = -Infinity;
    this.told = null;
    this.onkey = () => (this.typed = performance.now());
    this.onseen = () => document.hidden || this.look();
    document.addEventListener("keydown", this.onkey, true);
    document.addEventListener("visibilitychange", this.onseen);
  }

  update(component) {
    this.component = component;
    this.button.hidden = true;
    if (this.timer === undefined) this.timer = setInterval(() => this.look(), 1000 * component.data.every);
  }

  async look() {
    if (document.hidden || this.looking) return;
    this.looking = true;
    try {
      const answer = await fetch(new URL(this.component.data.address, document.baseURI));
      if (answer.ok) this.see((await answer.json()).token);
    } catch {
      // The server is away; Streamlit says so, and the next look asks again.
    } finally {
      this.looking = false;
    }
  }

  see(token) {
    this.token = token;
    if (token === this.component.data.token || token === this.told) return;
    if (this.busy()) this.button.hidden = false;
    else this.tell();
  }

  tell() {
    this.told = this.token;
    this.button.hidden = true;
    this.component.setTriggerValue("news", this.token);
  }

  busy() {
    if (document.querySelector(LISTS)) return true;
    const field = document.activeElement?.matches("input, textarea, [contenteditable]");
    return Boolean(field) && performance.now() - this.typed < QUIET;
  }

  destroy() {
    clearInterval(this.timer);
    document.removeEventListener("keydown", this.onkey, true);
    document.removeEventListener("visibilitychange", this.onseen);
    this.button.remove();
  }
}

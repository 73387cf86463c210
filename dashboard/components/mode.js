// Light, dark or projector. The choice is a cookie, so the server knows it before it draws anything, and Streamlit's own
// theme setting, which it keeps under one name per page; the page is loaded again to take it up.

import { element, mounted } from "./dom.js";

const kept = new WeakMap();
const YEAR = 31536000;

export default function mount(component) {
  return mounted(kept, component, (place) => new Mode(place));
}

class Mode {
  constructor(place) {
    this.root = element("div", { class: "mode", role: "group", "aria-label": "Display" });
    place.append(this.root);
  }

  update({ data }) {
    this.root.replaceChildren(
      ...data.modes.map(({ name, label, title }) =>
        element("button", {
          type: "button", title, "aria-pressed": String(name === data.mode), onclick: () => choose(name, data),
        }, label)),
    );
  }

  destroy() {
    this.root.remove();
  }
}

function choose(name, data) {
  document.cookie = `${data.cookie}=${name}; path=/; max-age=${YEAR}; SameSite=Strict`;
  try {
    for (const path of [location.pathname, ...data.paths]) {
      localStorage.setItem(`stActiveTheme-${path}-v2`, JSON.stringify(name === "dark" ? "Dark" : "Light"));
    }
  } catch {
    // Without storage the colours follow the browser's setting; the size of the type still changes.
  }
  location.reload();
}

// Everything that a selection can be narrowed by: texts, values with counts, a tree of concepts, ranges on histograms.
// The page decides; this shows what it says and tells what a person asks for.

import { clamp, element, mounted } from "./dom.js";
import { Brush } from "./brush.js";

const FEW = 7;
const kept = new WeakMap();

export default function mount(component) {
  return mounted(kept, component, (place) => new Facets(place));
}

class Facets {
  constructor(place) {
    this.root = element("div", { class: "facets" });
    place.append(this.root);
    this.open = new Map();
    this.all = new Set();
    this.filters = new Map();
    this.brushes = new Map();
    this.unheard = []; // changes of which nothing that the server sent has heard, oldest first
  }

  update(component) {
    this.component = component;
    this.data = component.data;
    this.unheard = this.unheard.filter(({ at }) => at > this.data.heard);
    const active = this.root.getRootNode().activeElement;
    const focus = active?.dataset?.key;
    const typed = active instanceof HTMLInputElement && active.type === "search" ? active.value : null;
    const { scrollTop } = this.root;
    const { texts, facets, spans } = this.data;
    const named = new Map(facets.map((facet) => [facet.name, facet]));
    const first = ["concept"].filter((name) => named.has(name)).map((name) => this.facet(named.get(name)));
    const rest = facets.filter((facet) => facet.name !== "concept").map((facet) => this.facet(facet));
    this.root.replaceChildren(
      ...texts.map((text) => this.text(text)), ...first, ...spans.map((span) => this.span(span)), ...rest,
    );
    this.root.scrollTop = scrollTop;
    if (focus) {
      const again = this.root.querySelector(`[data-key="${CSS.escape(focus)}"]`);
      if (again && typed !== null) again.value = typed;
      again?.focus({ preventScroll: true });
    }
  }

  // Ask for a change, and again for what is still on its way: the server begins from the address that it is sent, and
  // that does not hold those yet.
  ask(change) {
    const others = this.unheard.filter(({ kind, name }) => kind !== change.kind || name !== change.name);
    const last = Math.max(this.data.heard, ...others.map(({ at }) => at));
    this.unheard = [...others, { ...change, at: Math.max(Date.now(), last + 1) }];
    this.component.setTriggerValue("change", this.unheard);
  }

  // What was asked of something and is on its way: it stays as it was asked for.
  asked(wanted, of) {
    return this.unheard.find(({ kind, name }) => kind === wanted && name === of);
  }

  text({ name, title, value }) {
    const send = (event) => {
      clearTimeout(this.typing);
      const wanted = event.target.value.trim();
      this.typing = setTimeout(() => this.ask({ kind: "text", name, value: wanted }), event.type === "input" ? 450 : 0);
    };
    const field = element("input", {
      type: "search", "data-key": `text ${name}`, maxlength: 200, placeholder: "any", oninput: send, onchange: send,
    });
    field.value = this.asked("text", name)?.value ?? value;
    return element("label", { class: "text" }, element("span", {}, title), field);
  }

  facet(facet) {
    const { name, title, values, more } = facet;
    const chosen = new Set(this.asked("facet", name)?.values ?? values.filter((value) => value.chosen).map((value) => value.value));
    const details = element("details", { ontoggle: (event) => this.open.set(name, event.target.open) });
    details.open = this.open.get(name) ?? (facet.open || chosen.size > 0);
    const remark = chosen.size > 0 ? `${chosen.size} chosen` : "";
    details.append(element("summary", { "data-key": `facet ${name}` }, title, element("small", {}, remark)));
    const list = element("div", { class: "list", role: "group", "aria-label": title });
    const most = Math.max(1, ...values.map((value) => value.count));
    const draw = () => {
      const filter = (this.filters.get(name) ?? "").toLowerCase();
      const fits = values.filter((value) => value.label.toLowerCase().includes(filter));
      const shown = this.all.has(name) || filter ? fits : fits.filter((value, place) => place < FEW || value.chosen);
      const rows = shown.map((value) => this.row(facet, value, chosen, most));
      const hidden = fits.length - shown.length;
      if (hidden > 0 || (this.all.has(name) && fits.length > FEW)) {
        rows.push(element("button", {
          type: "button", class: "more", "data-key": `more ${name}`,
          onclick: () => {
            if (this.all.has(name)) this.all.delete(name);
            else this.all.add(name);
            draw();
          },
        }, hidden > 0 ? `show ${hidden} more` : "show fewer"));
      }
      if (more > 0) rows.push(element("p", {}, `${more.toLocaleString("en")} rarer ones: look for them by text`));
      if (rows.length === 0) rows.push(element("p", {}, "none"));
      list.replaceChildren(...rows);
    };
    if (values.length > 12) {
      const field = element("input", {
        type: "search", class: "filter", "data-key": `filter ${name}`, placeholder: "find", "aria-label": `Find in ${title}`,
        oninput: (event) => {
          this.filters.set(name, event.target.value);
          draw();
        },
      });
      field.value = this.filters.get(name) ?? "";
      details.append(field);
    }
    draw();
    details.append(list);
    return details;
  }

  row({ name }, { value, label, count, depth }, chosen, most) {
    const box = element("input", {
      type: "checkbox", "data-key": `value ${name} ${value}`,
      onchange: (event) => {
        if (event.target.checked) chosen.add(value);
        else chosen.delete(value);
        this.ask({ kind: "facet", name, values: [...chosen] });
      },
    });
    box.checked = chosen.has(value);
    const bar = element("i", { "aria-hidden": "true" });
    bar.style.width = `${(100 * count) / most}%`;
    const row = element("label", { class: "row", title: label }, box,
      element("span", { class: "name" }, label), element("span", { class: "count" }, count.toLocaleString("en")), bar);
    row.style.setProperty("--depth", clamp(depth ?? 0, 0, 6));
    return row;
  }

  span(span) {
    const brush = this.brushes.get(span.name) ?? new Brush((ends) => this.ask({ kind: "span", name: span.name, ends }));
    this.brushes.set(span.name, brush);
    const asked = this.asked("span", span.name);
    brush.update(asked ? { ...span, ends: asked.ends } : span);
    return brush.root;
  }

  destroy() {
    clearTimeout(this.typing);
    this.root.remove();
  }
}

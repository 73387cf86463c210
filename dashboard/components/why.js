// The image panel's section on why: strangest and most familiar place, matches, classes, features.

import { element, mounted } from "./dom.js";
import { MatchView } from "./match.js";

const LAYER = "benthoscope-layer";
const kept = new WeakMap();

export default function mount(component) {
  return mounted(kept, component, (place) => new Why(place));
}

class Why {
  constructor(place) {
    this.crops = element("div", { class: "crops" });
    this.match = new MatchView(
      (other) => this.data.match.replace("{other}", other),
      (kind, image) => this.data[kind].replace("{image}", image),
    );
    this.strip = element("div", { class: "strip", role: "group", "aria-label": "Reference pictures to compare with" });
    this.compared = element("div", { class: "compared" }, this.match.root, this.strip);
    this.classes = element("div", { class: "classes" });
    this.features = element("div", { class: "features" });
    this.root = element("div", { class: "why" }, this.crops, this.compared, this.classes, this.features);
    place.append(this.root);
    // What costs a forward pass is asked for when it comes into view.
    this.observer = new IntersectionObserver((entries) => entries.some((one) => one.isIntersecting) && this.begin());
    this.observer.observe(this.root);
    this.visible = false;
  }

  update(component) {
    this.component = component;
    const other = this.data?.key !== component.data.key;
    this.data = component.data;
    if (!other) return;
    this.begun = "";
    this.crops.replaceChildren(said("Looking for what makes it strange …"));
    this.classes.replaceChildren();
    this.features.replaceChildren();
    this.offer();
    if (this.visible) this.begin();
  }

  begin() {
    this.visible = true;
    if (!this.data || this.begun === this.data.key) return;
    this.begun = this.data.key;
    if (this.data.nearest.length > 0 && this.data.pooled) this.compare(0);
    this.ask(this.data.key);
  }

  async ask(key) {
    let facts;
    try {
      const answer = await fetch(this.data.facts);
      facts = answer.ok ? await answer.json() : { crops: await answer.text(), features: [], classes: [] };
    } catch {
      facts = { crops: "The server did not answer; close the picture and open it again.", features: [], classes: [] };
    }
    if (key !== this.data.key) return;
    this.tellCrops(facts.crops);
    this.tellClasses(facts.classes);
    this.tellFeatures(facts.features);
  }

  // The two places, as crops.
  tellCrops(crops) {
    if (typeof crops === "string") this.crops.replaceChildren(said(crops));
    else {
      this.crops.replaceChildren(
        ...crops.map((crop) =>
          element("figure", { class: crop.end }, element("img", { src: crop.source, alt: crop.title, loading: "lazy" }),
            element("figcaption", {}, element("b", {}, crop.title), element("span", {}, crop.text)))),
      );
    }
  }

  // What it is compared with.
  offer() {
    const { nearest, pooled } = this.data;
    this.compared.hidden = nearest.length === 0;
    this.match.root.hidden = !pooled;
    this.strip.replaceChildren(
      ...nearest.map((one, place) => {
        const label = `Compare with ${one.label}, ${one.distance}`;
        const image = element("img", { src: this.data.thumb.replace("{image}", one.image), alt: "", loading: "lazy" });
        return element("button", { type: "button", title: label, "aria-label": label, "aria-pressed": "false", onclick: () => this.compare(place) }, image);
      }),
    );
    this.strip.hidden = !pooled;
  }

  compare(place) {
    [...this.strip.children].forEach((button, at) => button.setAttribute("aria-pressed", String(at === place)));
    this.match.show(this.data.here, this.data.nearest[place]);
  }

  // The network's own first guesses; each lays its class map over the picture above.
  tellClasses(classes) {
    if (typeof classes === "string" || classes.length === 0) {
      this.classes.replaceChildren(...(classes.length > 0 ? [said(classes)] : []));
      return;
    }
    const lay = (one) => document.dispatchEvent(new CustomEvent(LAYER, { detail: { name: `evidence for ${one.name}`, url: one.url } }));
    this.classes.replaceChildren(
      element("h4", {}, "What the network itself would take it for"),
      said("Its first guesses, surest first, not calibrated. Press one to see where the evidence lies."),
      element("div", { class: "chips" }, ...classes.map((one) => element("button", { type: "button", onclick: () => lay(one) }, one.name))),
    );
  }

  tellFeatures(features) {
    if (typeof features === "string" || features.length === 0) {
      this.features.replaceChildren(...(features.length > 0 ? [said(features)] : []));
      return;
    }
    this.features.replaceChildren(
      element("h4", {}, "The features that add most to its score"),
      said("Where each is strong in this picture, and the pictures of the run in which it is strongest."),
      ...features.map((one) => this.feature(one)),
    );
  }

  feature(one) {
    const { here } = this.data;
    const lay = () => document.dispatchEvent(new CustomEvent(LAYER, {
      detail: { name: one.name, url: one.map, files: false, meaning: `Bright is where ${one.name} is strong, scaled from 0 to 1; it ${one.text}.` },
    }));
    const over = element("button", { type: "button", class: "over", title: `Lay ${one.name} over the picture`, onclick: lay },
      element("img", { src: this.data.thumb.replace("{image}", here.image), alt: "", loading: "lazy" }),
      element("img", { src: one.map, alt: `Where ${one.name} is strong`, loading: "lazy" }));
    const typical = one.typical.map((other) =>
      element("button", { type: "button", title: `Open ${other.label}`, "aria-label": `Open ${other.label}`, onclick: () => this.component.setTriggerValue("open", other.row) },
        element("img", { src: this.data.thumb.replace("{image}", other.image), alt: "", loading: "lazy" })));
    return element("div", { class: "feature" }, over,
      element("div", { class: "told" }, element("b", {}, one.name), element("span", {}, one.text)),
      element("div", { class: "typical" }, ...typical));
  }

  destroy() {
    this.observer.disconnect();
    this.match.destroy();
    this.root.remove();
  }
}

function said(text) {
  return element("p", { class: "said" }, text);
}

// Review: one picture or a grid of them, a verdict by a key, the next picture at once. What was decided goes to the server
// by itself (review_feed.js); the page is not run again for it.

import { element, mounted, recall, remember, typing } from "./dom.js";
import { Drafts, boxesSentence } from "./review_drafts.js";
import { Feed, Outbox, freshKey } from "./review_feed.js";
import { Grid } from "./review_grid.js";
import { actionFor } from "./review_keys.js";
import { showLast } from "./review_last.js";
import { progress } from "./review_pace.js";
import { keySheet, Picker } from "./review_pick.js";
import { Stage } from "./review_stage.js";

const kept = new WeakMap();
const RATE_OVER = 30; // decisions that the rate is taken over

export default function mount(component) {
  return mounted(kept, component, (place) => new Review(place));
}

class Review {
  constructor(place) {
    const button = (text, title, onclick) => element("button", { type: "button", title, onclick }, text);
    this.name = element("input", { type: "text", class: "reviewer", maxlength: 100, placeholder: "Your name", "aria-label": "Your name",
      onchange: () => this.rename() });
    this.name.value = recall("reviewer") ?? "";
    this.bar = element("progress", { max: 1, value: 0, "aria-label": "Decided" });
    this.counted = element("span", { class: "counted", role: "status" });
    this.saved = element("span", { class: "saved", role: "status" });
    this.top = element("div", { class: "top" }, element("label", {}, "Reviewer", this.name), this.bar, this.counted,
      element("span", { class: "fill" }), this.saved, button("One or many (g)", "Single picture or grid (g)", () => this.toggleGrid()),
      button("Keys (?)", "All keys (?)", () => this.toggleKeys()));
    this.stage = new Stage(() => this.boxesChanged());
    this.grid = new Grid(() => this.describe());
    this.picker = new Picker();
    this.title = element("p", { class: "name" });
    this.strange = element("p", { class: "strange" });
    this.facts = element("dl", { class: "facts" });
    this.said = element("p", { class: "said" });
    this.buttons = element("div", { class: "verdicts", role: "group", "aria-label": "Verdicts" });
    this.concept = element("p", { class: "concept" });
    this.noteField = element("input", { type: "text", class: "note", maxlength: 2000, placeholder: "Note (n)", "aria-label": "Note",
      onkeydown: (event) => this.noteKey(event) });
    this.repeatNote = element("p", { class: "repeats" });
    this.boxNote = element("p", { class: "boxes" });
    this.nearest = element("div", { class: "nearest", role: "group", "aria-label": "Nearest reference pictures" });
    this.compared = element("p", { class: "compared" }, "Compared with the nearest of the reference, none of its own group");
    this.side = element("div", { class: "side" }, this.title, this.buttons, this.concept, this.noteField, this.repeatNote, this.boxNote,
      this.strange, this.said, this.facts);
    this.message = element("p", { class: "message", role: "alert" });
    this.done = element("div", { class: "done", role: "group", "aria-label": "Decided last" });
    this.stageColumn = element("div", { class: "left" }, this.stage.root, this.compared, this.nearest);
    this.body = element("div", { class: "body" }, this.stageColumn, this.grid.root, this.side);
    this.root = element("div", { class: "review", tabindex: "0" }, this.top, this.message, this.body, this.done, this.picker.root);
    place.append(this.root);
    this.feed = new Feed((sentence) => this.arrived(sentence));
    this.acts = []; // what can be undone, newest last: {act, items, verdict, concept}
    this.times = [];
    this.frames = [];
    this.layerName = "";
    this.chosen = "";
    this.onKey = (event) => this.key(event);
    document.addEventListener("keydown", this.onKey, true);
  }

  update(component) {
    this.component = component;
    const { data } = component;
    const before = this.data;
    this.data = data;
    if (!this.outbox) {
      this.outbox = new Outbox(data.base, data.workspace, (news) => this.heard(news));
      this.drafts = new Drafts(data.workspace);
    }
    if (before?.run !== data.run) this.fetchConcepts();
    this.verdictButtons();
    const asked = JSON.stringify([data.run, data.queue, data.listing, data.rule]);
    if (asked !== this.asked) {
      this.asked = asked;
      this.start();
    }
  }

  get actor() {
    return this.name.value.trim();
  }

  rename() {
    remember("reviewer", this.actor);
    this.asked = "";
    this.update(this.component);
    this.component.setStateValue("reviewer", this.actor);
    this.root.focus();
  }

  async start() {
    [this.acts, this.times, this.current] = [[], [], undefined];
    const { base, run, queue, listing, rule } = this.data;
    if (!this.actor) {
      this.feed.reset(null);
      this.tell("Write your name first: every decision is signed.");
      this.show();
      this.name.focus({ preventScroll: true });
      return;
    }
    this.tell("");
    // What a closed page left unsent comes first: the queue must know of it.
    const { actor } = this;
    await this.outbox.drained();
    if (actor !== this.actor || run !== this.data.run || queue !== this.data.queue) return;
    // What a busy server has still not heard by then is not asked about a second time.
    this.feed.reset({ base, run, queue, listing, rule, actor }, this.outbox.decided(actor, run));
    this.root.focus({ preventScroll: true });
  }

  async fetchConcepts() {
    try {
      const answer = await fetch(`${this.data.base}/concepts/${this.data.run}`);
      if (answer.ok) this.picker.setNames((await answer.json()).concepts, `recents-${this.data.workspace}`);
    } catch {
      // Names can be typed in full without the list.
    }
  }

  verdictButtons() {
    this.buttons.replaceChildren(...this.data.verdicts.map((verdict, at) =>
      element("button", { type: "button", class: verdict.meaning, title: `${verdict.name} (${at + 1}; with Shift for all near-duplicates)`,
        onclick: (event) => this.verdict(at, event.shiftKey) }, element("kbd", {}, String(at + 1)), verdict.name)));
  }

  // What is shown.
  arrived(sentence) {
    if (sentence !== undefined) this.tell(sentence);
    else if (this.actor) this.tell("");
    if (this.feed.recent) {
      this.acts = this.feed.recent.reverse().map((one) => ({ ...one, items: [one.item] }));
      this.feed.recent = null;
    }
    this.grid.set(this.feed.items, this.gridOn);
    if (this.current !== this.feed.first || !this.feed.first) this.show();
    this.describe();
  }

  show() {
    const item = this.feed.first;
    this.current = item;
    this.began = performance.now();
    const finished = !item && this.actor && this.feed.ended;
    this.body.hidden = !this.actor || finished;
    if (finished) this.tell(this.data.finished);
    this.stage.show(item, this.layerName, item ? this.drafts.of(this.actor, item.region) : []);
    this.noteField.value = "";
    this.chosen = "";
    this.root.dataset.region = item?.region ?? "";
    this.title.textContent = item ? item.name : this.actor ? "The queue is on its way …" : "";
    this.strange.textContent = item ? item.strange.join(" ") : "";
    this.strange.classList.toggle("flagged", Boolean(item?.flagged));
    this.said.textContent = item ? (item.said.length ? `The source says: ${item.said.join(", ")}` : "The source says nothing of it.") : "";
    this.facts.replaceChildren(...(item?.facts ?? []).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
    this.repeatNote.textContent = item?.repeats ? `${item.repeats.toLocaleString("en")} near-duplicates: Shift and a digit decide all of them.` : "";
    this.compared.hidden = !item?.nearest.length;
    this.nearest.replaceChildren(...(item?.nearest ?? []).map((near) =>
      element("figure", {}, near.picture, element("figcaption", {}, near.caption))));
    this.describe();
    this.describeBoxes();
  }

  describe() {
    const { counts } = this.feed;
    const asked = this.feed.asked !== null;
    this.body.dataset.mode = this.gridOn ? "grid" : "single";
    this.grid.root.hidden = !this.gridOn;
    this.stageColumn.hidden = this.gridOn;
    this.concept.textContent = this.chosen ? `Concept: ${this.chosen}` : "";
    if (counts) {
      const pending = this.unsettled ?? 0;
      const decided = Math.min(counts.total, counts.decided + pending);
      const left = Math.max(0, counts.left - pending);
      this.bar.max = Math.max(1, counts.total);
      this.bar.value = this.data.rule === "fresh" ? decided : Math.max(0, counts.total - left);
      this.counted.textContent = progress(decided, counts.total, left, this.times);
    } else this.counted.textContent = "";
    this.bar.hidden = !asked;
    if (this.gridOn) {
      const chosen = this.grid.chosen();
      this.title.textContent = chosen.length > 1 ? `${chosen.length} pictures chosen` : chosen[0]?.name ?? this.title.textContent;
    }
    showLast(this.done, this.acts, this.data.verdicts, () => this.undo());
  }

  boxesChanged() {
    if (this.current) this.drafts.keep(this.actor, this.current.region, this.stage.boxes);
    this.describeBoxes();
  }

  describeBoxes() {
    this.boxNote.textContent = boxesSentence(this.stage);
  }

  tell(sentence) {
    this.message.textContent = sentence;
    this.message.hidden = !sentence;
  }

  // Deciding.
  async verdict(at, all) {
    const verdict = this.data.verdicts[at];
    const item = this.current;
    if (!verdict || !this.actor) return;
    if (this.gridOn) {
      this.decide(verdict, this.grid.chosen(), "selection");
      return;
    }
    if (!item) return;
    if (verdict.meaning === "taxon" && !this.chosen) {
      const name = await this.picker.ask(`${verdict.name}: which? (Enter alone: without a name)`);
      this.root.focus({ preventScroll: true });
      if (name === null || this.current !== item) return;
      this.chosen = name;
    }
    this.decide(verdict, [item], all ? "duplicates" : "one");
  }

  decide(verdict, items, scope, began = performance.now()) {
    if (items.length === 0) return;
    const key = freshKey();
    const concept = this.chosen;
    if (concept) this.picker.used(concept);
    const boxes = scope === "selection" ? [] : this.stage.boxes.map((box) => ({ ...box }));
    const body = {
      key, run: this.data.run, actor: this.actor, verdict: verdict.key, concept, scope, boxes, note: this.noteField.value.trim(),
      regions: items.map((item) => item.region), seconds: Math.round((performance.now() - this.began) / 100) / 10,
    };
    this.acts.push({ act: key, items, verdict: verdict.key, concept, count: items.length, boxes });
    if (scope !== "selection") this.drafts.keep(this.actor, items[0].region, []);
    this.times.push(performance.now());
    if (this.times.length > RATE_OVER) this.times.shift();
    this.unsettled = (this.unsettled ?? 0) + items.length;
    this.feed.remove(items.map((item) => item.region));
    this.grid.set(this.feed.items, this.gridOn);
    this.show();
    this.measure(began);
    this.outbox.send("decide", body);
  }

  // From the key to the frame in which the next picture stands: kept for whoever measures.
  measure(began) {
    const shown = this.current;
    const settle = () => requestAnimationFrame(() => setTimeout(() => {
      this.frames.push(Math.round((performance.now() - began) * 10) / 10);
      this.root.dataset.times = this.frames.slice(-200).join(" ");
    }));
    if (!shown || shown.ready || shown.failed) settle();
    else {
      const { arrived } = shown;
      shown.arrived = () => { arrived?.(); settle(); };
    }
  }

  undo() {
    const last = this.acts.pop();
    if (!last) {
      this.tell("There is nothing of yours to undo here.");
      return;
    }
    for (const item of [...last.items].reverse()) this.feed.putBack(item);
    if (last.boxes?.length) this.drafts.keep(this.actor, last.items[0].region, last.boxes); // to be changed and decided anew
    this.outbox.send("undo", { key: freshKey(), act: last.act, actor: this.actor });
    this.grid.set(this.feed.items, this.gridOn);
    this.show();
  }

  skip() {
    if (!this.current) return;
    const gone = this.gridOn ? this.grid.chosen().map((item) => item.region) : [this.current.region];
    this.feed.remove(gone);
    this.grid.set(this.feed.items, this.gridOn);
    this.show();
  }

  heard(news) {
    this.root.dataset.waiting = String(news.waiting);
    if (news.later) {
      this.saved.textContent = `${news.waiting} not saved yet: ${news.later}`;
      this.saved.className = "saved waiting";
      return;
    }
    this.saved.textContent = news.waiting ? `saving ${news.waiting} …` : "saved";
    this.saved.className = "saved";
    if (!news.sent && !news.refused) return;
    if (news.refused) {
      this.tell(`Not taken: ${news.sentence}`);
      const at = this.acts.findIndex((one) => one.act === news.refused.body.key);
      if (at >= 0) {
        const [lost] = this.acts.splice(at, 1);
        this.unsettled = Math.max(0, (this.unsettled ?? 0) - lost.items.length);
        for (const item of lost.items) this.feed.putBack(item);
        if (lost.boxes?.length) this.drafts.keep(this.actor, lost.items[0].region, lost.boxes);
        this.show();
      }
    } else if (news.sent?.path === "decide") {
      const act = this.acts.find((one) => one.act === news.sent.body.key);
      const first = act?.items.length ?? 1;
      this.unsettled = Math.max(0, (this.unsettled ?? 0) - first);
      if (this.feed.counts) {
        this.feed.counts.decided += news.answer.count;
        this.feed.counts.left -= news.answer.count;
      }
      if (act) act.count = news.answer.count;
      if (news.sent.body.scope === "duplicates" && news.answer.count > 1) this.refresh();
    } else if (news.sent?.path === "undo" && this.feed.counts) {
      this.feed.counts.decided -= news.answer.count;
      this.feed.counts.left += news.answer.count;
    }
    this.describe();
  }

  // Near-duplicates of a decided picture may wait in the buffer: they are asked for anew.
  refresh() {
    const [first] = this.feed.items;
    this.feed.items = first ? [first] : [];
    this.feed.ended = false;
    this.feed.fill();
  }

  toggleGrid() {
    this.gridOn = !this.gridOn;
    this.feed.wide = this.gridOn;
    if (this.gridOn) this.feed.fill();
    this.grid.set(this.feed.items, this.gridOn);
    this.describe();
    if (!this.gridOn) {
      this.show();
      this.stage.layout();
    }
    this.root.focus({ preventScroll: true });
  }

  toggleKeys() {
    if (this.sheet) {
      this.sheet.remove();
      this.sheet = null;
    } else {
      this.sheet = keySheet(this.data.keys, () => this.toggleKeys());
      this.root.append(this.sheet);
    }
  }

  async nameConcept() {
    const box = this.stage.boxes[this.stage.selected];
    const name = await this.picker.ask(box ? "Name of this box" : "What is it?");
    this.root.focus({ preventScroll: true });
    if (name === null) return;
    if (box) {
      this.stage.nameBox(name);
      if (name) this.picker.used(name);
    } else {
      this.chosen = name;
      this.describe();
    }
  }

  nextLayer() {
    const names = ["", ...(this.current?.layers.map((layer) => layer.name) ?? [])];
    this.layerName = names[(names.indexOf(this.layerName) + 1) % names.length];
    this.stage.showLayer(this.layerName);
  }

  noteKey(event) {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    if (event.key === "Escape") this.noteField.value = "";
    event.preventDefault();
    event.stopPropagation();
    this.root.focus({ preventScroll: true });
  }

  key(event) {
    if (typing(event) || event.ctrlKey || event.metaKey || event.altKey || !this.root.isConnected || this.picker.open) return;
    if (document.querySelector('[data-testid="stDialog"]')) return; // the image panel has its own keys
    const target = event.composedPath()[0];
    if (target instanceof Element && !this.root.contains(target) && target !== document.body && target.closest?.("button, [role], a, input")) return;
    if (this.sheet) {
      event.preventDefault();
      event.stopPropagation();
      this.toggleKeys();
      return;
    }
    const action = actionFor(this, event);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  destroy() {
    document.removeEventListener("keydown", this.onKey, true);
    this.stage.destroy();
    this.root.remove();
  }
}

// The reviewer's side of the server: what comes next, already decoded; what was decided, sent until it is acknowledged.

const AHEAD = 8; // pictures held ready
const STORE = "benthoscope-outbox";

// Letters of a key that is made once for each act and sent along every time, so that nothing is written twice.
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(15));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}

// Decisions on their way. They are kept in the browser until the server says that they are on its disk: a reload, or a
// server that is started anew, sends them again with the same key.
export class Outbox {
  constructor(base, workspace, told) {
    this.base = base;
    this.store = `${STORE}-${workspace}`;
    this.told = told; // called with {waiting, later}, or {waiting, sent, refused} when the server has answered
    this.waiting = this.load();
    this.failures = 0;
    this.why = ""; // what keeps them from being acknowledged
    if (!this.waiting.length) return;
    told({ later: "", waiting: this.waiting.length });
    this.pump();
  }

  load() {
    try {
      const kept = JSON.parse(localStorage.getItem(this.store) ?? "[]");
      return Array.isArray(kept) ? kept.filter((one) => one && typeof one.path === "string" && one.body) : [];
    } catch {
      return [];
    }
  }

  save() {
    try {
      localStorage.setItem(this.store, JSON.stringify(this.waiting));
    } catch {
      // Without storage a decision lives in this page alone until it is acknowledged; the status says that it waits.
    }
  }

  send(path, body) {
    this.waiting.push({ path, body });
    this.save();
    this.told({ later: this.why, waiting: this.waiting.length });
    this.pump();
  }

  // Regions that someone decided in a run and the server has not acknowledged.
  decided(actor, run) {
    const undone = new Set(this.waiting.map(({ body }) => body.act));
    const mine = this.waiting.filter(({ path, body }) => path === "decide" && body.actor === actor && body.run === run && !undone.has(body.key));
    return mine.flatMap(({ body }) => body.regions);
  }

  // Wait until everything was acknowledged, but no longer than a person would.
  async drained(patience = 4000) {
    const until = Date.now() + patience;
    while (this.waiting.length > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 30));
  }

  async pump() {
    if (this.busy) return;
    this.busy = true;
    while (this.waiting.length > 0) {
      const first = this.waiting[0];
      let outcome;
      try {
        outcome = await post(`${this.base}/review/${first.path}`, first.body);
      } catch (error) {
        outcome = { later: true, sentence: "the server does not answer" };
      }
      if (outcome.later) {
        this.failures += 1;
        this.why = outcome.sentence;
        this.told({ later: this.why, waiting: this.waiting.length });
        await new Promise((resolve) => setTimeout(resolve, Math.min(5000, 300 * this.failures)));
        continue;
      }
      this.failures = 0;
      this.why = "";
      this.waiting.shift();
      this.save();
      this.told({ sent: outcome.answer && first, answer: outcome.answer, refused: outcome.sentence && first,
        sentence: outcome.sentence, waiting: this.waiting.length });
    }
    this.busy = false;
  }
}

// The server's answer, a sentence why not, or that it may work later.
export async function post(address, body) {
  const answer = await fetch(address, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  if (answer.ok) return { answer: await answer.json() };
  const sentence = await answer.text();
  return answer.status >= 500 || answer.status === 408 ? { later: true, sentence } : { sentence };
}

// Pictures of the queue, in order, each decoded before it is needed.
export class Feed {
  constructor(changed) {
    this.changed = changed; // called when pictures or counts arrived, with a sentence when they did not
    this.reset(null);
  }

  reset(asked, passed = []) {
    this.asked = asked; // {base, run, queue, listing, rule, actor}
    this.items = [];
    this.passed = new Set(passed); // skipped or decided here: not wanted again
    this.counts = null;
    this.recent = null;
    this.loading = false;
    this.ended = false;
    this.generation = (this.generation ?? 0) + 1;
    if (asked) this.fill(true);
  }

  get first() {
    return this.items[0];
  }

  // The picture at hand is done with; the next one moves up.
  pass(count = 1) {
    for (const gone of this.items.splice(0, count)) this.passed.add(gone.region);
    this.fill();
  }

  remove(regions) {
    const gone = new Set(regions);
    for (const region of gone) this.passed.add(region);
    this.items = this.items.filter((item) => !gone.has(item.region));
    this.fill();
  }

  putBack(item) {
    this.items = this.items.filter((one) => one.region !== item.region);
    this.passed.delete(item.region);
    this.items.unshift(prepared(item));
  }

  async fill(fresh = false) {
    const wanted = this.wide ? 48 : AHEAD;
    if (!this.asked || this.loading || this.ended || (!fresh && this.items.length > wanted / 2)) return;
    this.loading = true;
    const { generation } = this;
    const { base, ...rest } = this.asked;
    const keep = this.items.map((item) => item.region);
    try {
      const outcome = await post(`${base}/review/next`, {
        ...rest, count: wanted - this.items.length, recent: fresh, keep, without: [...this.passed, ...keep],
      });
      if (generation !== this.generation) return;
      this.loading = false;
      if (!outcome.answer) {
        this.changed(outcome.sentence);
        return;
      }
      const { items, recent, ...counts } = outcome.answer;
      this.counts = counts;
      if (recent) this.recent = recent;
      const have = new Set([...keep, ...this.passed]);
      const added = items.filter((item) => !have.has(item.region));
      this.ended = items.length === 0;
      this.items.push(...added.map(prepared));
      this.changed();
    } catch {
      if (generation !== this.generation) return;
      this.loading = false;
      this.changed("The server does not answer; it is asked again in a moment.");
      setTimeout(() => generation === this.generation && this.fill(fresh), 1500);
    }
  }
}

// An item with its picture on the way; `ready` becomes true when it can be painted at once.
export function prepared(item) {
  if (item.picture) return item;
  item.picture = new Image();
  item.picture.className = "picture";
  item.picture.draggable = false;
  item.picture.alt = item.name;
  item.picture.src = item.source;
  item.ready = false;
  item.picture.decode().then(
    () => { item.ready = true; item.arrived?.(); },
    () => { item.failed = true; item.arrived?.(); },
  );
  for (const near of item.nearest) {
    near.picture = new Image();
    near.picture.src = near.preview;
    near.picture.alt = `${near.where}, ${near.caption}`;
  }
  return item;
}

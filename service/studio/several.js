/** Several pictures at once, of photos or for channels: cut out, ordered with the same choices, followed to the end. */

import { ask } from "./api.js";
import { over } from "./events.js";
import { inspected, uploaded } from "./photo.js";
import { lookOf } from "./looks/single.js";
import { keep, kept } from "./session.js";
import { Cutting, doubts, hasPlace, nothingIn } from "./several_cutouts.js";
import { submitted } from "./submit.js";
import { backOff, persisted, wait } from "./waiting.js";

const SEVERAL = "backdrop-several";
/** Photos that are read and sent at the same time. */
const AT_ONCE = 2;
/** Longer side of what a tile shows. */
const TILE_SIDE = 320;
const ASK_EVERY = 1000;
/** With sixty photos something becomes known many times a second. */
const SOON = 100;
const JOB_STATES = { NOT_STARTED: "waiting", IN_PROGRESS: "running", SUCCESS: "done", FAILURE: "failed" };

/**
 * The photos, in the order in which they came; fires `change`, `moved` where only figures did, and `over` when all
 * cut-outs, or all pictures, are there. A reload keeps those that are uploaded.
 *
 * An item is {name, file, key, render, preset, scene, placement, preview, share, error, cut, place, right, look, job}:
 * `key` once it is uploaded, or the `render` that it starts from; `preset` and `scene` where it has its own; `cut` its
 * cut-out and `place` whether it has one, `right` whether a person found the cut-out good; `look` as `singleLook`
 * returns it, `job` as the API does. `sending` and `doing` end what is done for it, and `lost` is the refusal that says
 * that the service is away.
 */
export class Several extends EventTarget {
  items = (kept(SEVERAL) ?? []).map((one) => ({ ...one, share: 1 }));
  /** The refusal that says that the service is away while pictures are made; null: it is not. */
  lost = null;
  ordering = false;
  #draft;
  #sending = 0;
  #cutting;
  /** Waits to say that something is known. */
  #soon = null;
  /** Ends the watch of those that run; null: none does. */
  #watching = null;

  constructor(draft) {
    super();
    this.#draft = draft;
    this.#cutting = new Cutting(this, draft, () => this.#known());
    this.#cutting.start();
    if (this.running.length) this.#watch();
  }

  /** uploading, cutting, ready, blocked where there is nothing to order, failed, waiting, running or done. */
  stateOf(item) {
    const { job, error, key, render, cut } = item;
    if (job) return JOB_STATES[job.status];
    if (error) return "failed";
    if (!key && !render) return "uploading";
    if (!cut) return "cutting";
    const place = nothingIn(cut) ? false : hasPlace(item, this.#draft);
    return place === null ? "cutting" : place ? "ready" : "blocked";
  }

  /** Those in a state. */
  in(state) {
    return this.items.filter((item) => this.stateOf(item) === state);
  }

  /** Those that can be ordered now. */
  get ready() {
    return this.in("ready");
  }

  /** Of these, those that a person should check first. */
  get doubtful() {
    return this.ready.filter(doubts);
  }

  /** Those of which it is not known yet whether they can be ordered. */
  get coming() {
    return [...this.in("uploading"), ...this.in("cutting")];
  }

  /** Whether a photo is shown first: there is, or was, something to check. It keeps its place when that is done. */
  urgent(item) {
    return (item.urgent ||= { ready: doubts(item), blocked: true }[this.stateOf(item)] ?? false);
  }

  get made() {
    return this.items.filter((item) => item.job?.render);
  }

  get running() {
    return this.items.filter((item) => item.job && !over(item.job));
  }

  /** Whether a job is one of these. */
  has(jobId) {
    return this.items.some((item) => item.job?.job_id === jobId);
  }

  add(files) {
    for (const file of files) this.items.push({ name: file.name, file, share: 0 });
    this.#changed();
    while (this.#sending < AT_ONCE && this.#next()) this.#send();
  }

  /** Take over what the service has already: {key} or {render}, with {name, preview, placement}. Returns it. */
  put({ key, render, name, preview, placement }) {
    const there = this.items.find((item) => key && item.key === key); // made for channels of its own
    if (there) return there;
    this.items.push({ key, render, name, preview, placement, share: 1 });
    this.#changed();
    return this.items.at(-1);
  }

  /** Have these made for each of these channels. Returns what takes their place. */
  spread(items, presets) {
    const copies = (item) => (item.preset ? [item] : presets.map((preset) => ({ ...item, preset, doing: null })));
    const spread = new Map(items.map((item) => [item, copies(item)]));
    this.items = this.items.flatMap((item) => spread.get(item) ?? [item]);
    this.#changed();
    return [...spread.values()].flat();
  }

  /** Take a person's word on how a photo's product stands, in all its pictures that are not ordered. */
  stand(item, stance) {
    for (const one of this.#alike(item)) Object.assign(one, { placement: { ...one.placement, stance }, look: null });
    this.#changed();
  }

  /** Make a photo's pictures in a scene of their own; null: in that of the others. */
  dress(item, scene) {
    for (const one of this.#alike(item)) Object.assign(one, { scene, look: null });
    this.#changed();
  }

  /** Take another cut-out of a photo; null: it is to be cut out again. */
  recut(item, cut) {
    for (const one of this.#alike(item)) Object.assign(one, { cut, again: !cut, right: false, place: null, look: null });
    this.#changed();
  }

  /** A person says that the cut-outs of these are good. */
  trust(items) {
    for (const item of items.flatMap((one) => this.#alike(one))) item.right = true;
    this.#changed();
  }

  /** Those of the same photo that are not ordered. */
  #alike({ key, render }) {
    return this.items.filter((one) => !one.job && one.key === key && one.render === render);
  }

  /** Note a look at a photo; null: there is none any more. */
  looked(item, look) {
    item.look = look;
    this.#changed();
  }

  remove(item) {
    ended(item);
    this.items = this.items.filter((one) => one !== item);
    this.#changed();
  }

  clear() {
    this.items.forEach(ended);
    this.items = [];
    this.lost = null;
    this.#watching?.abort();
    this.#watching = null;
    this.#changed();
  }

  /** What failed is there to be ordered again. */
  again(item) {
    item.job = item.error = null;
    this.#changed();
  }

  /** The service has a photo no longer. */
  gone(item) {
    item.key = item.render = null;
    item.error = "The photo is no longer there. Remove it and drop it again.";
  }

  /** Order these. What is refused for all of them ends it: throws Refusal. */
  async order(items) {
    const draft = this.#draft;
    this.ordering = true;
    this.#changed();
    try {
      for (const item of items) {
        if (!this.items.includes(item)) continue; // removed meanwhile
        item.error = null;
        try {
          const { placement = null, name } = item;
          const { seed } = lookOf(item, draft) ?? draft;
          const dressing = draft.dressing(item);
          const { job_id } = await submitted(draft.body(item), { seed, name, placement, dressing });
          item.job = { job_id, status: "NOT_STARTED", stage: null, progress: 0 };
          this.#watch();
        } catch (refused) {
          if (refused.status !== 404) throw refused;
          this.gone(item);
        }
        this.#changed();
      }
    } finally {
      this.ordering = false;
      this.#changed();
    }
  }

  /** Something is known of a photo: shown soon, with what else becomes known meanwhile. */
  #known() {
    this.#soon ??= setTimeout(() => {
      this.#soon = null;
      this.dispatchEvent(new Event("change"));
      if (!this.coming.length) this.dispatchEvent(new Event("over"));
    }, SOON);
  }

  #next() {
    return this.items.find((item) => item.file && !item.taken);
  }

  async #send() {
    this.#sending += 1;
    for (let item = this.#next(); item; item = this.#next()) {
      item.taken = true;
      try {
        const seen = await inspected(item.file, TILE_SIDE);
        item.preview = seen.preview;
        this.#changed();
        const { signal } = (item.sending = new AbortController());
        if (!this.items.includes(item)) continue; // removed meanwhile
        const send = () => uploaded(item.file, seen.type, (share) => this.#shared(item, share), signal);
        item.key = await persisted(send, { signal, lost: (refusal) => this.#lost(item, refusal) });
        item.share = 1;
      } catch (refused) {
        item.error = refused.message;
      }
      item.file = item.sending = null;
      this.#changed();
    }
    this.#sending -= 1;
  }

  #lost(item, refusal) {
    item.lost = refusal;
    this.dispatchEvent(new Event("moved"));
  }

  #shared(item, share) {
    item.share = share;
    this.dispatchEvent(new Event("moved"));
  }

  /** Ask how far the jobs are until all are over. */
  async #watch() {
    if (this.#watching) return;
    const { signal } = (this.#watching = new AbortController());
    for (let failures = 0; this.running.length; ) {
      await wait(failures ? backOff(failures) : ASK_EVERY, signal);
      try {
        const { items } = await ask("/v1/jobs?limit=100", { signal });
        const found = new Map(items.map((job) => [job.job_id, job]));
        for (const item of this.running) {
          // Older than the latest hundred: by itself.
          item.job = found.get(item.job.job_id) ?? (await ask(`/v1/jobs/${item.job.job_id}`, { signal }));
        }
        failures = 0;
        this.lost = null;
      } catch (error) {
        failures += 1;
        this.lost = error;
      }
      if (signal.aborted) return; // cleared meanwhile
      this.#changed();
    }
    this.#watching = null;
    this.dispatchEvent(new Event("over"));
  }

  #changed() {
    const whole = this.items
      .filter((item) => item.key || item.render)
      .map(({ file, share, taken, error, sending, lost, cut, place, doing, again, urgent, ...item }) => ({
        ...item,
        job: brief(item.job),
      }));
    if (!keep(SEVERAL, whole)) keep(SEVERAL, whole.map((item) => ({ ...item, preview: null })));
    this.dispatchEvent(new Event("change"));
    this.#cutting.start();
  }
}

/** End what is done for a photo. */
function ended({ sending, doing }) {
  sending?.abort();
  doing?.abort();
}

/** A job without its report, which fills pages; the tab has not room for a hundred. */
const brief = (job) =>
  job && {
    ...job,
    render: job.render && { public_id: job.render.public_id, width: job.render.width, height: job.render.height },
  };

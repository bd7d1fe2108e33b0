/** Several pictures at once, for several photos or channels: cut out, ordered together and followed to the end. */

import { ask } from "../calls/api.js";
import { over } from "../calls/events.js";
import { inspected, uploaded } from "../calls/photo.js";
import { keep, kept } from "../calls/session.js";
import { approved, fetched } from "../cutout/service.js";
import { Cutting, doubts, hasPlace, nothingIn } from "./cutouts.js";
import { followed, ordersFor, priced, sent } from "./orders.js";
import { persisted, repeated } from "../calls/waiting.js";

const SEVERAL = "backdrop-several";
/** Parallel uploads. */
const AT_ONCE = 2;
/** Longer side of a tile's preview, in pixels. */
const TILE_SIDE = 320;
const ASK_EVERY = 1000;
/** Milliseconds in which changes are collected: sixty photos would change many times a second. */
const SOON = 100;
const JOB_STATES = { NOT_STARTED: "waiting", IN_PROGRESS: "running", SUCCESS: "done", FAILURE: "failed" };

/**
 * The photos in the order of their arrival. Fires `change`, `moved` if only progress changed, and `over` when all
 * cut-outs or all pictures are ready. A reload keeps uploaded photos.
 *
 * An item is {name, file, key, render, preset, scene, placement, preview, share, error, cut, place, right, look, job}:
 * - `key`: set after the upload; or the `render` that it starts from
 * - `preset`, `scene`: its own, if it has them
 * - `cut`: its cut-out; `place`: whether the product fits; `right`: whether a person approved the cut-out
 * - `look`: the result of `singleLook`; `order`, `photo`: the id of its order, and its place there; `job`: the API's job
 * - `sending`, `doing`: abort its upload and its other work; `lost`: the Refusal while the service is away
 */
export class Several extends EventTarget {
  items = (kept(SEVERAL) ?? []).map((one) => ({ ...one, share: 1 }));
  /** The Refusal while the service is away during orders; null: it answers. */
  lost = null;
  ordering = false;
  #draft;
  #sending = 0;
  #cutting;
  /** Timer of the collected `change` event. */
  #soon = null;
  /** Aborts the polling; null: it does not run. */
  #watching = null;

  constructor(draft) {
    super();
    this.#draft = draft;
    this.#cutting = new Cutting(this, draft, () => this.#known());
    this.#cutting.start();
    if (this.running.length) this.#watch();
  }

  /** Return uploading, cutting, ready, blocked (nothing can be ordered), failed, waiting, running or done. */
  stateOf(item) {
    const { job, error, key, render, cut } = item;
    if (job) return JOB_STATES[job.status];
    if (error) return "failed";
    if (!key && !render) return "uploading";
    if (!cut) return "cutting";
    const place = nothingIn(cut) ? false : hasPlace(item, this.#draft);
    return place === null ? "cutting" : place ? "ready" : "blocked";
  }

  /** Return the items in a state. */
  in(state) {
    return this.items.filter((item) => this.stateOf(item) === state);
  }

  /** The items that can be ordered now. */
  get ready() {
    return this.in("ready");
  }

  /** The ready items that a person should check first. */
  get doubtful() {
    return this.ready.filter(doubts);
  }

  /** The items that may become ready. */
  get coming() {
    return [...this.in("uploading"), ...this.in("cutting")];
  }

  /** Return whether an item is shown first, since it has or had something to check. Afterwards it keeps its place. */
  urgent(item) {
    return (item.urgent ||= { ready: doubts(item), blocked: true }[this.stateOf(item)] ?? false);
  }

  get made() {
    return this.items.filter(({ job }) => job?.render && job.status === "SUCCESS"); // a refused one has a preview
  }

  get running() {
    return this.items.filter((item) => item.job && !over(item.job));
  }

  /** Return whether a job belongs to an item. */
  has(jobId) {
    return this.items.some((item) => item.job?.job_id === jobId);
  }

  add(files) {
    for (const file of files) this.items.push({ name: file.name, file, share: 0 });
    this.#changed();
    while (this.#sending < AT_ONCE && this.#next()) this.#send();
  }

  /** Add a photo that the service has: {key} or {render}, with {name, preview, placement}. Returns the item. */
  put({ key, render, name, preview, placement }) {
    const there = this.items.find((item) => key && item.key === key); // it has channels of its own
    if (there) return there;
    this.items.push({ key, render, name, preview, placement, share: 1 });
    this.#changed();
    return this.items.at(-1);
  }

  /** Replace items by one copy for each channel. Returns the copies. */
  spread(items, presets) {
    const copies = (item) => (item.preset ? [item] : presets.map((preset) => ({ ...item, preset, doing: null })));
    const spread = new Map(items.map((item) => [item, copies(item)]));
    this.items = this.items.flatMap((item) => spread.get(item) ?? [item]);
    this.#changed();
    return [...spread.values()].flat();
  }

  /** Set how a photo's product stands, in all its pictures that are not ordered. */
  stand(item, stance) {
    for (const one of this.#alike(item)) Object.assign(one, { placement: { ...one.placement, stance }, look: null });
    this.#changed();
  }

  /** Set the scene of a photo's pictures; null: the scene of the others. */
  dress(item, scene) {
    for (const one of this.#alike(item)) Object.assign(one, { scene, look: null });
    this.#changed();
  }

  /** Set a photo's cut-out; null: cut it out again. */
  recut(item, cut) {
    for (const one of this.#alike(item)) Object.assign(one, { cut, again: !cut, right: false, place: null, look: null });
    this.#changed();
  }

  /** Note here and in the service that a person approved the cut-outs of these items. */
  async trust(items) {
    const all = items.flatMap((one) => this.#alike(one));
    for (const item of all) item.right = true;
    this.#changed();
    const sure = async (item) => approved(item.cut, await fetched(item.cut.mask_url));
    // The owner's word stays if it fails: the order's limits decide.
    for (const item of all) if (!item.cut.error) item.cut = await sure(item).catch((error) => (console.info(error), item.cut));
  }

  /** Return the items of the same photo that are not ordered. */
  #alike({ key, render }) {
    return this.items.filter((one) => !one.job && one.key === key && one.render === render);
  }

  /** Set a photo's preview; null: none. */
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

  /** The ids of the orders with pictures in the tray. */
  get orders() {
    return [...new Set(this.items.map(({ order }) => order).filter(Boolean))];
  }

  /** Cancel the pictures that no worker has begun. Throws Refusal. */
  async cancel() {
    const open = new Set(this.in("waiting").map(({ order }) => order));
    for (const id of open) {
      const over = (error) => error.status === 409 || Promise.reject(error); // it ended a moment before
      await ask(`/v1/orders/${id}`, { method: "DELETE" }).catch(over);
      await followed(id, this.items.filter(({ order }) => order === id));
    }
    this.#changed();
  }

  /** Make a failed item ready for another order. */
  again(item) {
    item.job = item.error = item.order = null;
    this.#changed();
  }

  /** Note that the service no longer has a photo. */
  gone(item) {
    item.key = item.render = null;
    item.error = "The photo is no longer there. Remove it and drop it again.";
  }

  /** Order these items. Returns how many were ordered. Throws a Refusal that applies to all that are left. */
  async order(items) {
    const draft = this.#draft;
    const there = () => items.filter((item) => this.items.includes(item) && !item.error); // some may be removed meanwhile
    for (const item of items) item.error = null;
    this.ordering = true;
    this.#changed();
    try {
      const { faults } = await priced(ordersFor(there(), draft));
      for (const [item] of faults) this.gone(item);
      const left = there();
      for (const order of ordersFor(left, draft)) {
        await sent(order);
        this.#changed();
        this.#watch();
      }
      return left.length;
    } finally {
      this.ordering = false;
      this.#changed();
    }
  }

  /** Announce a change soon, together with those that follow. */
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

  /** Poll the jobs until all have ended. */
  async #watch() {
    if (this.#watching) return;
    const { signal } = (this.#watching = new AbortController());
    const lost = (refusal) => ((this.lost = refusal), this.#changed());
    await repeated(() => this.#look(signal), ASK_EVERY, () => this.running.length, { signal, lost });
    if (signal.aborted) return; // cleared meanwhile
    this.#watching = null;
    this.dispatchEvent(new Event("over"));
  }

  async #look(signal) {
    for (const item of this.running.filter(({ order }) => !order)) item.job = await ask(`/v1/jobs/${item.job.job_id}`, { signal });
    for (const id of new Set(this.running.map(({ order }) => order).filter(Boolean))) {
      await followed(id, this.items.filter(({ order }) => order === id), signal);
    }
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

/** Abort all work for an item. */
function ended({ sending, doing }) {
  sending?.abort();
  doing?.abort();
}

/** Return a job without its report: the tab's storage has no room for a hundred reports. */
const brief = (job) =>
  job && {
    ...job,
    render: job.render && { public_id: job.render.public_id, width: job.render.width, height: job.render.height },
  };

/** Free previews ("looks"): small, watermarked pictures with several backgrounds, before a person pays. */

import { ask } from "../calls/api.js";
import { follow, over } from "../calls/events.js";
import { FIELDS } from "../order/options.js";
import { keep, kept } from "../calls/session.js";
import { submitted } from "../calls/submit.js";
import { persisted, repeated } from "../calls/waiting.js";

const LOOKS = "backdrop-looks";
const OFF = "backdrop-looks-off";
/** Previews in one request of a person. */
export const COUNT = 4;
/** Seeds are below this. */
const SEEDS = 2 ** 31;
const ASK_EVERY = 500;

export const newSeed = () => crypto.getRandomValues(new Uint32Array(1))[0] % SEEDS;

/**
 * The previews of the draft. Fires `begun` when new ones are requested, `renewed` after `renew`, and `change`. A reload
 * keeps them.
 *
 * An item is {seed, body, placement, laid, job, expired, live}. `body`, `placement` and `laid` (shadow, frame, layers) are
 * the request as strings. `job` is the API's job without most of its report. An item is current while the draft makes
 * the same request. `live`: made by `renew`, without being asked for.
 */
export class Looks extends EventTarget {
  items = kept(LOOKS)?.items ?? [];
  /** The Refusal of the last request, which is repeated if that may help; null: it was accepted. */
  refusal = null;
  /** The Refusal while the service is away; null: it answers. */
  lost = null;
  /** Whether this service makes no previews. */
  off = Boolean(kept(OFF));
  /** The item of `renew` that is being made; null: none. */
  coming = null;
  #draft;
  /** Number of times the cut-out was mended: earlier previews show another cut-out. */
  mends = kept(LOOKS)?.mends ?? 0;
  #sending = false;
  /** Aborts the requests. */
  #asking = new AbortController();
  /** Aborts the polling; null: it does not run. */
  #watching = null;

  constructor(draft) {
    super();
    this.#draft = draft;
    draft.addEventListener("change", ({ detail }) => this.#drafted(detail));
    if (this.running.length) this.#watch();
  }

  get running() {
    return this.items.filter((item) => item.job && !over(item.job));
  }

  get busy() {
    return this.#sending || this.running.length > 0;
  }

  /** The items for the draft's current request. */
  get fresh() {
    return this.#current(this.items);
  }

  /** The preview whose picture an order would make; null: none. */
  get chosen() {
    const { seed } = this.#draft;
    const there = (item) => item.seed === seed && item.job?.render && !item.expired;
    return (seed !== null && this.fresh.find(there)) || null;
  }

  /** A preview of the draft's photo, scene and channel, with any placement, the chosen one first; null: none. */
  get earlier() {
    const { body } = this.#asked();
    const there = this.items.filter((item) => item.body === body && item.job?.render && !item.expired);
    return there.find(({ seed }) => seed === this.#draft.seed) ?? there[0] ?? null;
  }

  /** Any preview of the draft's photo with its current cut-out; null: none. */
  get seen() {
    const mended = ({ body }) => JSON.parse(body)[1] !== this.mends;
    return this.items.find((item) => item.job?.render && !item.expired && !mended(item) && this.#ofPhoto(item)) ?? null;
  }

  /** The preview to show large: the chosen one, or one that followed the choices and is followed by the next. */
  get large() {
    const [item] = this.items;
    return this.chosen ?? (item?.live && item.job?.render && !item.expired && this.#draft.seed === item.seed ? item : null);
  }

  choose(item) {
    this.#draft.change({ seed: item.seed });
    this.#changed();
  }

  /** Request new previews with these seeds, in place of the current ones. */
  async make(seeds) {
    if (this.#sending) return;
    const given = this.running;
    this.coming = null;
    this.items = seeds.map((seed) => ({ seed, ...this.#asked(), job: null, expired: false }));
    this.dispatchEvent(new Event("begun"));
    await this.#send(this.items);
    await withdrawn(given);
  }

  /** Request an expired or failed preview again. */
  async again(item) {
    item.job = null;
    item.expired = false;
    await this.#send([item]);
  }

  /**
   * Make one preview of the draft's current request and choose it. The earlier ones stay until it is there.
   *
   * Throws Refusal.
   */
  async renew(seed, signal) {
    const item = { seed, ...this.#asked(), job: null, expired: false, live: true };
    this.coming = item;
    this.#changed();
    try {
      const job = await submittedLook(item, this.#draft.source?.reference);
      await follow(job.job_id, () => {}, { signal });
      if (signal.aborted) return;
      item.job = brief(await ask(`/v1/jobs/${job.job_id}`, { signal }));
      if (this.coming !== item) return; // others were requested meanwhile, or the photo is another
      this.items = [item];
      this.coming = null;
      if (this.#draft.seed !== seed) this.#draft.change({ seed });
      this.dispatchEvent(new Event("renewed"));
    } finally {
      if (this.coming === item) this.coming = null;
      this.#changed();
    }
  }

  /** Cancel the running previews. */
  async stop() {
    this.#asking.abort();
    const given = this.running;
    this.items = this.items.filter((item) => item.job && over(item.job));
    this.#changed();
    await withdrawn(given);
  }

  /** Note whether a refusal means that this service makes no previews. */
  refused({ code }) {
    this.off = code === "previews_off";
    if (this.off) keep(OFF, true);
  }

  mended() {
    this.mends += 1;
    this.#changed();
  }

  expire(item) {
    item.expired = true;
    this.#changed();
  }

  clear() {
    this.#asking.abort();
    this.#watching?.abort();
    this.#watching = null;
    this.items = [];
    this.coming = this.refusal = this.lost = null;
    this.#changed();
  }

  async #send(items) {
    const { source } = this.#draft;
    const { signal } = (this.#asking = new AbortController());
    const lost = (refusal) => ((this.refusal = refusal), this.#changed());
    this.#sending = true;
    lost(null);
    try {
      for (const item of items) {
        const job = await persisted(() => submittedLook(item, source?.reference), { signal, lost });
        if (!this.items.includes(item)) {
          await withdrawn([{ job }]);
          continue;
        }
        item.job = job;
        this.#changed();
        this.#watch();
      }
    } catch (refused) {
      this.refusal = signal.aborted ? null : refused;
      this.refused(refused);
      this.items = this.items.filter((item) => item.job);
    } finally {
      this.#sending = false;
      this.#changed();
    }
  }

  /** Poll until all previews have ended. One request covers all, since browsers limit the connections to a host. */
  async #watch() {
    if (this.#watching) return;
    const { signal } = (this.#watching = new AbortController());
    const lost = (refusal) => {
      this.lost = refusal;
      if (!this.running.length) this.#watching = null;
      this.#changed();
    };
    await repeated(() => this.#look(signal), ASK_EVERY, () => this.running.length, { signal, lost });
  }

  async #look(signal) {
    const { items } = await ask("/v1/jobs?preview=true&limit=20", { signal });
    const found = new Map(items.map((job) => [job.job_id, job]));
    for (const item of this.running) {
      const job = found.get(item.job.job_id) ?? (await jobOrNull(item.job.job_id));
      if (job === null) Object.assign(item, { expired: true, job: { ...item.job, status: "SUCCESS" } });
      else item.job = brief(job);
    }
  }

  /** Return whether an item shows the draft's photo. */
  #ofPhoto({ body }) {
    const { source } = this.#draft;
    const [{ source_image_s3_key: key, source_render_public_id: render }] = JSON.parse(body);
    return source !== null && (key ?? render) === (source.key ?? source.render);
  }

  /** Return the draft's request as strings. */
  #asked() {
    const draft = this.#draft;
    const { placement } = draft;
    const laid = draft.laid();
    const behind = draft.options();
    for (const name of Object.keys(laid)) delete behind[name];
    const whole = { body: [draft.body(), this.mends, behind], placement, laid };
    return Object.fromEntries(Object.entries(whole).map(([name, value]) => [name, JSON.stringify(value)]));
  }

  #current(items) {
    const asked = Object.entries(this.#asked());
    return items.filter((item) => asked.every(([name, value]) => item[name] === value));
  }

  /** A changed scene drops the chosen seed, since no preview of it exists. A moved product keeps its background. */
  #drafted(detail) {
    const { seed } = this.#draft;
    const looked = this.items.some((item) => item.seed === seed);
    if ("source" in detail) {
      this.coming = null;
      this.#asking.abort();
      withdrawn(this.running.filter((item) => !this.#ofPhoto(item)));
      this.items = this.items.filter((item) => this.#ofPhoto(item));
    }
    const others = Object.keys(detail).some((name) => !["seed", "placement", "acceptance", ...FIELDS].includes(name));
    if (!others || "seed" in detail) return this.#changed();
    if (looked && !this.items.some((item) => item.body === this.#asked().body)) this.#draft.change({ seed: null });
    return this.#changed();
  }

  #changed() {
    keep(LOOKS, { items: this.items.filter((item) => item.job), mends: this.mends });
    this.dispatchEvent(new Event("change"));
  }
}

/** Request an item's preview and return its job. Throws Refusal. */
async function submittedLook(item, name) {
  const [[body, , behind], placement, laid] = [item.body, item.placement, item.laid].map((text) => JSON.parse(text));
  const asks = { seed: item.seed, name, placement, options: { ...behind, ...laid }, preview: true };
  const { job_id, status } = await submitted(body, asks);
  return { job_id, status, stage: null, progress: 0 };
}

/** Return a job; null: it is no longer kept. */
const jobOrNull = (id) => ask(`/v1/jobs/${id}`).catch((error) => (error.status === 404 ? null : Promise.reject(error)));

/** Cancel jobs. Errors do not matter: a job may have ended. */
const withdrawn = (items) =>
  Promise.all(items.map(({ job }) => ask(`/v1/jobs/${job.job_id}`, { method: "DELETE" }).catch(() => {})));

/** Return a job with the part of its report that the page shows. */
function brief({ job_id, status, stage, progress, error, render }) {
  if (!render) return { job_id, status, stage, progress, error, render: null };
  const { public_id, url, width, height, warnings, report } = render;
  const { cutout, placement, layers } = report;
  const shown = { public_id, url, width, height, warnings, cutout, placement, layers };
  return { job_id, status, stage, progress, error, render: shown };
}

/** Free looks: the picture small and marked, with several backgrounds, before anything is paid. */

import { ask } from "../api.js";
import { over } from "../events.js";
import { keep, kept } from "../session.js";
import { submitted } from "../submit.js";
import { backOff, wait } from "../waiting.js";

const LOOKS = "backdrop-looks";
const OFF = "backdrop-looks-off";
/** How many are made at a time. */
export const COUNT = 4;
/** The service's limit of seeds. */
const SEEDS = 2 ** 31;
const ASK_EVERY = 500;

export const newSeed = () => crypto.getRandomValues(new Uint32Array(1))[0] % SEEDS;

/**
 * The looks at the draft; fires `begun` when some are asked for, and `change`. A reload keeps them.
 *
 * An item is {seed, body, placement, job, expired}: what was asked as strings, `job` as the API tells it, without most
 * of its report. It is a look at the draft while the draft asks for the same.
 */
export class Looks extends EventTarget {
  items = kept(LOOKS)?.items ?? [];
  /** Why the last could not be asked for; null: they could. */
  refusal = null;
  /** The refusal that says that the service is away; null: it is not. */
  lost = null;
  /** Whether this service makes none. */
  off = Boolean(kept(OFF));
  #draft;
  /** How often the photo's cut-out was mended: a look from before shows another. */
  #mends = kept(LOOKS)?.mends ?? 0;
  #sending = false;
  /** Those that were asked for without an answer, or not any more after it. */
  #unanswered = [];
  /** Ends the watch of those that run; null: none does. */
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

  /** Those at what the draft asks for now. */
  get fresh() {
    const [body, placement] = this.#asked();
    return this.items.filter((item) => item.body === body && item.placement === placement);
  }

  /** Those at what the draft asks for now that are still to be asked for, as no answer came. */
  get unanswered() {
    const [body, placement] = this.#asked();
    return this.#unanswered.filter((item) => item.body === body && item.placement === placement);
  }

  /** The look whose picture would be paid for now; null: there is none. */
  get chosen() {
    const { seed } = this.#draft;
    const there = (item) => item.seed === seed && item.job?.render && !item.expired;
    return (seed !== null && this.fresh.find(there)) || null;
  }

  /** A look at the draft's photo in its scene and for its channel, wherever the product was then: the chosen first. */
  get earlier() {
    const [body] = this.#asked();
    const there = this.items.filter((item) => item.body === body && item.job?.render && !item.expired);
    return there.find(({ seed }) => seed === this.#draft.seed) ?? there[0] ?? null;
  }

  /** A look at the draft's photo, whatever else it shows; null: none. */
  get seen() {
    const mended = ({ body }) => JSON.parse(body)[1] !== this.#mends;
    return this.items.find((item) => item.job?.render && !item.expired && !mended(item) && this.#ofPhoto(item)) ?? null;
  }

  choose(item) {
    this.#draft.change({ seed: item.seed });
    this.#changed();
  }

  /** Make new ones with these seeds, in place of those that are there. */
  async make(seeds) {
    if (this.#sending) return;
    const given = this.running;
    const [body, placement] = this.#asked();
    this.#unanswered = [];
    this.items = seeds.map((seed) => ({ seed, body, placement, job: null, expired: false }));
    this.dispatchEvent(new Event("begun"));
    await this.#send(this.items);
    await withdrawn(given);
  }

  /** Ask once more for those without an answer: the same ones, so that none is made twice. */
  async retry() {
    if (this.#sending) return;
    const items = this.unanswered;
    this.#unanswered = [];
    this.items = [...this.items, ...items];
    this.dispatchEvent(new Event("begun"));
    await this.#send(items);
  }

  /** Make one once more that has expired or failed. */
  async again(item) {
    item.job = null;
    item.expired = false;
    await this.#send([item]);
  }

  /** Give up those that are not there yet. */
  async stop() {
    const given = this.running;
    this.items = this.items.filter((item) => item.job && over(item.job));
    this.#changed();
    await withdrawn(given);
  }

  /** Note what a refusal says of all looks: whether this service makes any. */
  refused({ code }) {
    this.off = code === "previews_off";
    if (this.off) keep(OFF, true);
  }

  /** The cut-out was mended. */
  mended() {
    this.#mends += 1;
    this.#changed();
  }

  /** A look's picture is no longer there. */
  expire(item) {
    item.expired = true;
    this.#changed();
  }

  clear() {
    this.#watching?.abort();
    this.#watching = null;
    this.items = [];
    this.refusal = this.lost = null;
    this.#changed();
  }

  async #send(items) {
    const { source } = this.#draft;
    this.refusal = null;
    this.#sending = true;
    this.#changed();
    try {
      for (const item of items) {
        const [body, , dressing] = JSON.parse(item.body);
        const placement = JSON.parse(item.placement);
        const asks = { seed: item.seed, name: source?.reference, placement, dressing, preview: true };
        const accepted = await submitted(body, asks);
        const job = { job_id: accepted.job_id, status: accepted.status, stage: null, progress: 0 };
        if (!this.items.includes(item)) {
          await withdrawn([{ job }]);
          continue;
        }
        item.job = job;
        this.#changed();
        this.#watch();
      }
    } catch (refused) {
      this.refusal = refused;
      this.refused(refused);
      this.#unanswered = refused.passing ? this.items.filter((item) => !item.job) : [];
      this.items = this.items.filter((item) => item.job);
    } finally {
      this.#sending = false;
      this.#changed();
    }
  }

  /** Ask how far they are until all are over: one question for all, as a browser has six lines to a host. */
  async #watch() {
    if (this.#watching) return;
    const { signal } = (this.#watching = new AbortController());
    for (let failures = 0; this.running.length; ) {
      await wait(failures ? backOff(failures) : ASK_EVERY, signal);
      try {
        const { items } = await ask("/v1/jobs?preview=true&limit=20", { signal });
        const found = new Map(items.map((job) => [job.job_id, job]));
        for (const item of this.running) {
          const job = found.get(item.job.job_id) ?? (await told(item.job.job_id));
          if (job === null) Object.assign(item, { expired: true, job: { ...item.job, status: "SUCCESS" } });
          else item.job = brief(job);
        }
        failures = 0;
        this.lost = null;
      } catch (error) {
        failures += 1;
        this.lost = error;
      }
      if (signal.aborted) return; // cleared meanwhile
      if (!this.running.length) this.#watching = null;
      this.#changed();
    }
    this.#watching = null;
  }

  /** Whether a look shows the draft's photo. */
  #ofPhoto({ body }) {
    const { source } = this.#draft;
    const [{ source_image_s3_key: key, source_render_public_id: render }] = JSON.parse(body);
    return source !== null && (key ?? render) === (source.key ?? source.render);
  }

  /** What the draft asks for, as strings. */
  #asked() {
    const draft = this.#draft;
    return [JSON.stringify([draft.body(), this.#mends, draft.dressing()]), JSON.stringify(draft.placement)];
  }

  /** Another scene is another picture: nothing of it was looked at. A product that is moved keeps its background. */
  #drafted(detail) {
    const { seed } = this.#draft;
    const looked = this.items.some((item) => item.seed === seed);
    if ("source" in detail) {
      withdrawn(this.running.filter((item) => !this.#ofPhoto(item)));
      this.items = this.items.filter((item) => this.#ofPhoto(item));
    }
    const others = Object.keys(detail).some((name) => name !== "seed" && name !== "placement");
    if (!others || "seed" in detail) return this.#changed();
    if (looked && !this.items.some((item) => item.body === this.#asked()[0])) this.#draft.change({ seed: null });
    return this.#changed();
  }

  #changed() {
    keep(LOOKS, { items: this.items.filter((item) => item.job), mends: this.#mends });
    this.dispatchEvent(new Event("change"));
  }
}

/** Return a job; null: it is no longer kept. */
const told = (id) => ask(`/v1/jobs/${id}`).catch((error) => (error.status === 404 ? null : Promise.reject(error)));

/** Give jobs up; what is over, or can't be reached, is left to itself. */
const withdrawn = (items) =>
  Promise.all(items.map(({ job }) => ask(`/v1/jobs/${job.job_id}`, { method: "DELETE" }).catch(() => {})));

/** A job with the part of its report that is shown. */
function brief({ job_id, status, stage, progress, error, render }) {
  if (!render) return { job_id, status, stage, progress, error, render: null };
  const { public_id, url, width, height, warnings, report } = render;
  const { cutout, placement } = report;
  const shown = { public_id, url, width, height, warnings, cutout, placement };
  return { job_id, status, stage, progress, error, render: shown };
}

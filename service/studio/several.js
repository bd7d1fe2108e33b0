/** Several pictures at once, of photos or for channels: ordered with the same choices, followed until they are there. */

import { ask } from "./api.js";
import { over } from "./events.js";
import { inspected, uploaded } from "./photo.js";
import { lookOf } from "./looks/single.js";
import { keep, kept } from "./session.js";
import { submitted } from "./submit.js";
import { backOff, persisted, wait } from "./waiting.js";

const SEVERAL = "backdrop-several";
/** Photos that are read and sent at the same time. */
const AT_ONCE = 2;
/** Longer side of what a tile shows. */
const TILE_SIDE = 320;
const ASK_EVERY = 1000;

/**
 * The photos, in the order in which they came; fires `change`. A reload keeps those that are uploaded.
 *
 * An item is {name, file, key, render, preset, placement, preview, share, error, mended, look, job}: `key` once it is
 * uploaded, or the `render` that it starts from; `preset` and `placement` where it is made for a channel of its own;
 * `mended` whether its cut-out was, `look` as `singleLook` returns it, `job` as the API tells it. While it is sent,
 * `sending` ends that, and `lost` is the refusal that says that the service is away.
 */
export class Several extends EventTarget {
  items = (kept(SEVERAL) ?? []).map((one) => ({ ...one, share: 1 }));
  /** The refusal that says that the service is away while pictures are made; null: it is not. */
  lost = null;
  #sending = 0;
  #ordering = false;
  /** Ends the watch of those that run; null: none does. */
  #watching = null;

  constructor() {
    super();
    if (this.#running.length) this.#watch();
  }

  /** Those that can be ordered now. */
  get ready() {
    return this.items.filter((item) => (item.key || item.render) && !item.job);
  }

  /** Those that are on their way into the store. */
  get uploading() {
    return this.items.filter((item) => !item.key && !item.render && !item.error);
  }

  get ordering() {
    return this.#ordering;
  }

  get made() {
    return this.items.filter((item) => item.job?.render);
  }

  get #running() {
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

  /** Take over what lies uploaded already: {key, name, preview}. */
  put({ key, name, preview }) {
    if (this.items.some((item) => item.key === key)) return; // made for channels of its own
    this.items.push({ key, name, preview, share: 1 });
    this.#changed();
  }

  /** Have what is ready made for each of these channels; `source`: the photo on the stage with its placement, or null. */
  spread(presets, source) {
    if (source) {
      const { key, render, name, preview, placement } = source;
      this.items.push({ key, render, name, preview, placement, share: 1 });
    }
    const ready = new Set(this.ready);
    const spread = (item) => (ready.has(item) && !item.preset ? presets.map((preset) => ({ ...item, preset })) : [item]);
    this.items = this.items.flatMap(spread);
    this.#changed();
  }

  /** Note a look at a photo; null: there is none any more. */
  looked(item, look) {
    item.look = look;
    this.#changed();
  }

  remove(item) {
    item.sending?.abort();
    this.items = this.items.filter((one) => one !== item);
    this.#changed();
  }

  clear() {
    for (const { sending } of this.items) sending?.abort();
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

  /** Order what is ready: What is refused for all of them ends it: throws Refusal. */
  async order(draft) {
    this.#ordering = true;
    this.#changed();
    try {
      for (const item of this.ready) {
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
          item.key = item.render = null;
          item.error = "The photo is no longer there. Remove it and drop it again.";
        }
        this.#changed();
      }
    } finally {
      this.#ordering = false;
      this.#changed();
    }
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
    for (let failures = 0; this.#running.length; ) {
      await wait(failures ? backOff(failures) : ASK_EVERY, signal);
      try {
        const { items } = await ask("/v1/jobs?limit=100", { signal });
        const found = new Map(items.map((job) => [job.job_id, job]));
        for (const item of this.#running) {
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
      .map(({ file, share, taken, error, sending, lost, ...item }) => ({ ...item, job: brief(item.job) }));
    if (!keep(SEVERAL, whole))
      keep(
        SEVERAL,
        whole.map((item) => ({ ...item, preview: null })),
      );
    this.dispatchEvent(new Event("change"));
  }
}

/** A job without its report, which fills pages; the tab has not room for a hundred. */
const brief = (job) =>
  job && {
    ...job,
    render: job.render && { public_id: job.render.public_id, width: job.render.width, height: job.render.height },
  };

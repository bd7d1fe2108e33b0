/** Cuts out several photos, free and two at a time, and checks whether their products fit the scene. */

import { ask } from "../calls/api.js";
import { doubtful } from "../cutout/doubts.js";
import { cutOut } from "../cutout/service.js";
import { plannedPlace } from "../place/service.js";
import { persisted } from "../calls/waiting.js";

/** Parallel requests. */
const AT_ONCE = 2;
/** Milliseconds to wait for further typing and clicks. */
const PAUSE = 300;
/** Errors that a retry does not solve. */
const PHOTO_AT_FAULT = /^(image_|photo_|no_subject|subject_not_found|source_)/;

const sourceOf = ({ key, render }) => key ?? render;
const stanceOf = ({ placement }) => placement?.stance ?? "auto";

/** Return whether a cut-out has no product to order. */
export const nothingIn = ({ error, product_box }) => (error ? PHOTO_AT_FAULT.test(error.code) : !product_box);

/** Return whether a person should still check a photo before ordering. */
export const doubts = ({ cut, right }) => Boolean(cut && !right && (cut.error || doubtful(cut)));

/**
 * Return whether a photo's product fits the chosen picture; null: ask the service.
 *
 * A product that is whole in the photo fits each suitable scene, without asking.
 */
export function hasPlace(item, draft) {
  const body = draft.body(item);
  const { error, cut_sides: cuts, suitable_scene_types: suits } = item.cut;
  const sure = stanceOf(item) === "auto" && !cuts?.length && suits?.includes(body.scene_type);
  if (sure || error || draft.forbidden) return true;
  return item.place?.of === placeOf(item, body) ? item.place.there : null;
}

const placeOf = (item, body) => JSON.stringify([body, stanceOf(item)]);

/** Processes the photos of the tray; `heard(item)` is called after each change. */
export class Cutting {
  #several;
  #draft;
  #heard;
  #working = 0;
  #timer;
  /** A promise of the cut-outs that the service has, by photo; requested once. */
  #earlier = null;

  constructor(several, draft, heard) {
    this.#several = several;
    this.#draft = draft;
    this.#heard = heard;
    if (several.items.length) this.#earlier = earlier();
    draft.addEventListener("change", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.start(), PAUSE);
    });
  }

  /** Start or continue the work. */
  start() {
    while (this.#working < AT_ONCE && this.#next()) this.#work();
  }

  #next() {
    return this.#several.items.find((item) => !item.doing && this.#several.stateOf(item) === "cutting");
  }

  async #work() {
    this.#working += 1;
    for (let item = this.#next(); item; item = this.#next()) {
      const { signal } = (item.doing = new AbortController());
      const lost = (refusal) => ((item.lost = refusal), this.#heard(item));
      const work = () => (item.cut ? this.#place(item, signal) : this.#cut(item, signal));
      try {
        await persisted(work, { signal, lost });
      } catch (refused) {
        if (signal.aborted) continue;
        if (refused.status === 404) this.#several.gone(item);
        else if (item.cut) item.place = { of: placeOf(item, this.#draft.body(item)), there: true }; // the order decides
        else item.cut = { error: refused, warnings: [] };
      } finally {
        item.doing = null;
      }
      this.#heard(item);
    }
    this.#working -= 1;
  }

  /** Cut out a photo for all its items. */
  async #cut(item, signal) {
    const source = sourceOf(item);
    const known = item.again ? null : (await this.#earlier)?.get(source);
    const cut = known ?? (await cutOut(item, { signal, again: item.again }));
    for (const one of this.#several.items) if (sourceOf(one) === source && !one.job) one.cut ??= cut;
  }

  async #place(item, signal) {
    const draft = this.#draft;
    const of = placeOf(item, draft.body(item));
    const place = await plannedPlace(draft, item, signal);
    item.place = { of, there: place !== null };
  }
}

/** Return the service's latest successful cut-out of each photo; null if the request fails. */
async function earlier() {
  try {
    const { items } = await ask("/v1/cutouts?limit=100");
    const well = items.filter(({ status }) => status === "SUCCESS").reverse();
    return new Map(well.map((cut) => [cut.source_image_s3_key ?? cut.source_render_public_id, cut]));
  } catch {
    return null; // each photo is cut out by itself
  }
}

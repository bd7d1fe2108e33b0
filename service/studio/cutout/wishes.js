/** Carries out corrections at a place of the photo, "this is my product", "this too" or "not this", and undoes them. */

import { greyPng } from "../mask/png.js";
import { decodedGrey } from "../mask/raster.js";
import { persisted } from "../calls/waiting.js";
import { answerPiece, answerPieces, approved, cutOut, fetched, keepSubjects, putMask, withdrawMask } from "./service.js";
import { keptOf, meant } from "./subjects.js";

const SAME = {
  mine:
    "Nothing changed: this is the cut-out already. Choose “This too” or “Not this” for a part of it, or use the brush.",
  too: "This is in the cut-out already. Draw a box around the missing part, or use the brush.",
  not: "This is left out already.",
};
const NOTHING = {
  mine: "Nothing stands out there. Draw a box around the whole product, or use the brush.",
  too: "Nothing more stands out there. Draw a box close around the missing part, or use the brush.",
};
const ONE_STAYS = "Keep at least one thing. Draw a box around what to leave out, or use the brush.";
/** Least share of the photo that a correction must add to be visible. */
const SEEN = 0.0002;

export class Wishes {
  /** {view, png, base}: the service's cut-out, its mask, and a marker of the mask that things can be picked from. */
  now = null;
  #past = [];
  #source;
  #options;

  /** @param options {signal, lost}: `lost` gets a Refusal while the service is away, then null */
  constructor(source, options) {
    this.#source = source;
    this.#options = options;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  /** Add a cut-out that came about elsewhere; `undo` returns to the one before. */
  take(view, png) {
    this.#put(view, png, {});
  }

  /** Go back to the network's cut-out of the photo. */
  async startOver() {
    const view = await this.#ask(() => withdrawMask(this.now.view.public_id));
    this.#put(view, await this.#maskOf(view), {});
  }

  /**
   * Carry out "mine", "too" or "not" at a place; `covered`: whether the mask keeps the point.
   *
   * Throws an Error that says why nothing changes; the service then has the same mask as before.
   */
  async wish(kind, place, covered) {
    const { view, base } = this.now;
    const point = place.length === 2;
    if (point && kind === (covered ? "too" : "not")) throw new Error(SAME[kind]);
    if (kind === "not" && !point) return this.#clear(place);
    const ids = meant(view, place, covered);
    const kept = keptOf(view.subjects);
    const keep = {
      mine: ids,
      too: [...new Set([...kept, ...ids])],
      not: kept.filter((id) => !ids.includes(id)),
    }[kind];
    const same = keep.length === kept.length && keep.every((id) => kept.includes(id));
    if (kind === "not" && (same || !keep.length)) throw new Error(ONE_STAYS);
    if (ids.length && !same) {
      const chosen = await this.#ask(() => keepSubjects(view.public_id, keep));
      return this.#put(chosen, await this.#maskOf(chosen), base);
    }
    if (ids.length && kind === "mine") throw new Error(SAME.mine);
    return this.#restoring(() => this.#cut(kind, place));
  }

  /** Keep or drop a doubtful piece; earlier answers stay. */
  async answer(id, kept) {
    const { view, base } = this.now;
    const said = await this.#ask(() => answerPiece(view, id, kept));
    this.#put(said, await this.#maskOf(said), base);
  }

  /** Tell the service that the owner finds the cut-out right. */
  async confirm() {
    const { view, png, base } = this.now;
    const sure = await this.#ask(() => approved(view, png));
    this.now = { view: sure, png, base: sure === view ? base : {} };
  }

  /** Return to the previous cut-out, here and in the service. */
  async undo() {
    const before = this.#past.at(-1);
    await this.#restore(before);
    this.#past.pop();
  }

  /** Let the networks cut out a place. The service's mask is then theirs, until it is joined with the previous one. */
  async #cut(kind, place) {
    const { view, png } = this.now;
    const { signal } = new AbortController(); // it goes on if the person leaves, so that `#restoring` ends, too
    // With an uploaded mask the service would choose from that mask only.
    if (view.cut_by !== "network") await this.#ask(() => withdrawMask(view.public_id));
    const found = await this.#ask(() => cutOut(this.#source, { signal, subject: place }));
    if (found.error) throw new Error(found.error.code === "subject_not_found" ? NOTHING[kind] : found.error.message);
    const foundPng = await this.#maskOf(found);
    const [before, there] = await Promise.all([png, foundPng].map(decodedGrey));
    if (kind === "mine") {
      if (there.data.every((value, at) => Math.abs(value - before.data[at]) < 128)) throw new Error(SAME.mine);
      return this.#put(found, foundPng, {});
    }
    let more = 0;
    before.data.forEach((value, at) => (more += value <= 127 && there.data[at] > 127));
    if (more < SEEN * before.data.length) throw new Error(NOTHING.too);
    return this.#give({ ...before, data: before.data.map((value, at) => Math.max(value, there.data[at])) });
  }

  /** Remove all pixels in a box from the mask. */
  async #clear([left, top, right, bottom]) {
    const mask = await decodedGrey(this.now.png);
    const [x0, x1] = [left, right].map((share) => Math.round(share * mask.width));
    let gone = false;
    for (let y = Math.round(top * mask.height); y < Math.round(bottom * mask.height); y++) {
      const row = mask.data.subarray(y * mask.width + x0, y * mask.width + x1);
      gone ||= row.some((value) => value > 0);
      row.fill(0);
    }
    if (!gone) throw new Error(SAME.not);
    if (!mask.data.some((value) => value > 127)) throw new Error(ONE_STAYS);
    return this.#give(mask);
  }

  async #give(mask) {
    const png = await greyPng(mask);
    this.#put(await this.#ask(() => putMask(this.now.view.public_id, png)), png, {});
  }

  #put(view, png, base) {
    if (this.now) this.#past.push(this.now);
    this.now = { view, png, base };
  }

  /** Run work that changes the service's mask on its way; restore the mask if it fails. */
  async #restoring(work) {
    const { now } = this;
    try {
      await work();
    } catch (error) {
      await this.#restore(now, false);
      throw error;
    }
  }

  /**
   * Restore an earlier cut-out in the service; `picked`: by choosing among its things instead of uploading the mask.
   */
  async #restore({ view, png, base }, picked = base === this.now.base) {
    const { public_id: id, cut_by, subjects } = view;
    // A cut-out of another place has other pieces, or none.
    const changes = view.pieces.some(({ answered }, i) => answered !== this.now.view.pieces[i]?.answered);
    const restored = await this.#ask(() => {
      if (cut_by === "network") return withdrawMask(id);
      if (picked && changes) return answerPieces(id, view.pieces);
      return picked ? keepSubjects(id, keptOf(subjects)) : putMask(id, png);
    });
    this.now = { view: restored, png, base: picked ? base : {} };
  }

  #ask(work) {
    return persisted(work, this.#options);
  }

  #maskOf(view) {
    return this.#ask(() => fetched(view.mask_url, this.#options.signal));
  }
}

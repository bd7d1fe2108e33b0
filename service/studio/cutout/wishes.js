/** What a person says of a place in the photo: "this is my product", "this too", "not this". Carried out, and undone. */

import { greyPng } from "../mask/png.js";
import { decodedGrey } from "../mask/raster.js";
import { keep, kept as keptInTab } from "../session.js";
import { persisted } from "../waiting.js";
import { cutOut, fetched, keepSubjects, putMask, withdrawMask } from "./service.js";
import { keptOf, meant } from "./subjects.js";

/** Why nothing changes, and what helps. */
const SAME = {
  mine:
    "Nothing changed: this is the cut-out already. Choose “This too” or “Not this” for a part of it, or use the brush.",
  too: "This is in the cut-out already. Draw a box around what is missing, or use the brush.",
  not: "This is left out already.",
};
const NOTHING = {
  mine: "Nothing stands out there. Draw a box around the whole product, or use the brush.",
  too: "Nothing more stands out there. Draw a box close around the missing part, or use the brush.",
};
const ONE_STAYS = "Keep at least one thing. Draw a box around what to leave out, or use the brush.";
/** Share of the photo that has to come in addition, to be seen. */
const SEEN = 0.0002;
/** The photo whose wish is half carried out. */
const UNDER_WAY = "backdrop-wish";

export class Wishes {
  /** The cut-out as the service has it: {view, png, base}; `png`: its mask; things can be picked from the same base. */
  now = null;
  #past = [];
  #source;
  #options;

  /** @param options {signal, lost}: `lost` hears why the service is not reached for now, then null */
  constructor(source, options) {
    this.#source = source;
    this.#options = options;
  }

  /** Take the first cut-out of the photo; of a wish that a reload broke off the service may have one half. */
  async begin(view) {
    const broken = keptInTab(UNDER_WAY);
    if (broken?.name !== this.#name) return view;
    const { mask } = broken;
    const whole = await this.#ask(() =>
      mask ? putMask(view.public_id, unpacked(mask)) : withdrawMask(view.public_id),
    );
    keep(UNDER_WAY, null);
    return whole;
  }

  get #name() {
    return this.#source.key ?? this.#source.render;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  /** Take over a cut-out that came about elsewhere. The one before can be had again by `undo`. */
  take(view, png) {
    this.#put(view, png, {});
  }

  /** From now on earlier choices can't be picked from what the service keeps: another mask may have been there. */
  rebase() {
    this.now.base = {};
  }

  /**
   * Carry a wish out: "mine", "too" or "not", at a place; `covered`: whether the mask keeps that point.
   *
   * Throws an Error that says why nothing changes; the service then has what it had.
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

  /** Return to the cut-out before, here and in the service. */
  async undo() {
    const before = this.#past.at(-1);
    await this.#restore(before);
    this.#past.pop();
  }

  /** Have the networks look at a place; the photo has what they find there, until it is joined with what there was. */
  async #cut(kind, place) {
    const { view, png } = this.now;
    const { signal } = this.#options;
    // A mask that was given is all that would be chosen from.
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

  /** Take out all that lies in a box. */
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

  /** Do something that changes what the service has on its way; where it fails that is put back. */
  async #restoring(work) {
    const { now } = this;
    const mask = now.view.cut_by === "network" ? null : await packed(now.png);
    // A mask that finds no room is lost to a reload in the middle, and the network's own comes back.
    if (!keep(UNDER_WAY, { name: this.#name, mask })) keep(UNDER_WAY, { name: this.#name, mask: null });
    try {
      await work();
    } catch (error) {
      if (this.#options.signal.aborted) throw error;
      await this.#restore(now, false);
      keep(UNDER_WAY, null);
      throw error;
    }
    keep(UNDER_WAY, null);
  }

  /** Give the service what it had; `picked`: by a choice among the things that it still knows. */
  async #restore({ view, png, base }, picked = base === this.now.base) {
    const { public_id: id, cut_by, subjects } = view;
    const restored = await this.#ask(() => {
      if (cut_by === "network") return withdrawMask(id);
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

/** A PNG as text that a tab can keep, and back. */
async function packed(png) {
  const bytes = new Uint8Array(await png.arrayBuffer());
  return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
}

const unpacked = (text) =>
  new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], { type: "image/png" });

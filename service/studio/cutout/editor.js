/** The window in which a person mends a cut-out. */

import { html, styled } from "../page/dom.js";
import { Board } from "../mask/board.js";
import { withoutCrumbs } from "../mask/crumbs.js";
import { greyPng } from "../mask/png.js";
import { decoded, decodedGrey, pyramid } from "../mask/raster.js";
import { Cursor } from "./cursor.js";
import { listenToKeys } from "./keyboard.js";
import { listenToPointers } from "./pointer.js";
import { cutout, fetched, keepSubjects, photoOf, putMask, withdrawMask } from "./service.js";
import { keptOf, subjectAt } from "./subjects.js";
import { OPACITY, hasTool, limitedSize, toolBar, toolWords, topBar } from "./tools.js";

/**
 * Open a cut-out in the editor.
 *
 * @param {object} view the cut-out from the API
 * @param {object} options `photo`: the photo as a Blob, or null to fetch it; `colour`: the scene's, as CSS; `lookAt`: a
 *   box of the photo to show first, or null
 * @returns the changed cut-out, or null if nothing was saved. Throws Refusal if it can't be opened.
 */
export async function mend(view, { photo, colour, lookAt = null, signal }) {
  const fresh = await cutout(view.public_id, signal); // signed URLs expire
  const [levels, mask] = await Promise.all([
    (async () => pyramid(await decoded(photo ?? (await fetched(await photoOf(fresh, signal), signal)))))(),
    (async () => decodedGrey(await fetched(fresh.mask_url, signal)))(),
  ]);
  if (levels[0].width !== mask.width || levels[0].height !== mask.height) {
    throw new Error("This photo looks different here than in the service. Save it as JPEG, and drop the new file.");
  }
  return new Editor(fresh, levels, mask, { colour, lookAt }).opened(signal);
}

class Editor {
  state = { tool: "erase", backdrop: "left", opacity: OPACITY[0], comparing: false, busy: false, asked: false };
  #view;
  /** `saved`: the mask's bytes that the service has now. `first`: the cut-out and the bytes at the start. */
  #saved;
  #first;
  #startedOver = false;
  #canvas;
  #cursor;
  #said = html`<p class="unseen" role="status" aria-live="polite"></p>`;
  #words = html`<p class="error mend-error" role="alert"></p>`;
  #place;
  #dialog;
  #bars;
  /** The box of the photo to show first; null: the whole photo. */
  #lookAt;
  #close;

  constructor(view, levels, mask, { colour, lookAt }) {
    this.#view = view;
    this.#saved = mask.data.slice();
    this.#first = { view, data: this.#saved };
    const label = "The cut-out. Arrow keys move the brush, space puts it down and lifts it.";
    this.#canvas = html`<canvas class="mend-canvas" tabindex="0" role="application" aria-label=${label}></canvas>`;
    this.board = new Board(this.#canvas, levels, mask);
    this.#cursor = new Cursor(this.board, (words) => this.#say(words));
    this.#lookAt = lookAt;
    const subjects = view.subjects.length;
    this.#bars = [topBar(this), toolBar(this, subjects)];
    this.#place = html`<div class="mend-place">${this.#canvas}${this.#cursor.element}</div>`;
    styled(this.#place, { "--scene": colour });
    this.#dialog = html`
      <dialog class="mend" aria-labelledby="mend-title">
        ${this.#bars[0].element}
        ${this.#place}
        <div class="mend-side">${this.#bars[1].element}${this.#words}</div>
        ${this.#said}
      </dialog>`;
    this.#listen();
  }

  /** Show the window until the person leaves it. */
  opened(signal) {
    document.body.append(this.#dialog);
    this.#dialog.showModal();
    const { viewport } = this.board;
    const fit = () => {
      const { clientWidth: width, clientHeight: height } = this.#place;
      this.board.painter.resize(width, height);
      viewport.resize(width, height);
      if (this.#lookAt) viewport.show(this.#lookAt);
      this.#lookAt = null;
    };
    fit(); // the observer fires after the next frame only, and a stroke may come before
    const resized = new ResizeObserver(fit);
    resized.observe(this.#place);
    this.#canvas.focus();
    this.#show();
    const left = () => this.#close(null);
    signal?.addEventListener("abort", left);
    return new Promise((resolve) => (this.#close = resolve)).finally(() => {
      signal?.removeEventListener("abort", left);
      resized.disconnect();
      this.#cursor.close();
      this.board.close();
      this.#dialog.remove();
    });
  }

  #listen() {
    const { board } = this;
    const tool = () => this.state.tool;
    const pick = (x, y) => this.pick(x, y);
    const seen = (x, y) => (x === null ? this.#cursor.hide() : this.#point(x, y, false));
    listenToPointers(this.#canvas, board, { tool, pick, seen });
    listenToKeys(this.#dialog, this.#canvas, board, {
      tool,
      pick,
      choose: (name) => this.choose(name),
      size: (by) => this.resizeBrush(board.brush.size * 1.2 ** by),
      hardness: (by) => this.harden(board.brush.hardness + by / 10),
      opacity: (by) => this.thicken(this.state.opacity + 10 * by),
      follow: () => this.follow(),
      compare: () => this.compare(),
      cursor: (x, y) => this.#point(x, y, true),
      say: (words) => this.#say(words),
    });
    board.addEventListener("change", () => {
      this.state.asked = false;
      this.#words.textContent = "";
      this.#show();
    });
    board.viewport.addEventListener("change", () => this.#show());
    this.#dialog.addEventListener("keydown", (event) => {
      if (!(event.ctrlKey || event.metaKey) || !/^[zy]$/i.test(event.key)) return;
      event.preventDefault();
      if (event.shiftKey || event.key.toLowerCase() === "y") this.redo();
      else this.undo();
    });
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.leave();
    });
  }

  choose(name) {
    if (!hasTool(name, this.#view.subjects.length)) return;
    this.board.end();
    this.board.brush.value = { erase: 0, keep: 255, glass: 2.55 * this.state.opacity }[name] ?? null;
    this.#set({ tool: name }, toolWords(name));
  }

  /** Set the opacity of the glass brush, in percent. */
  thicken(opacity) {
    this.state.opacity = Math.min(OPACITY[1], Math.max(OPACITY[0], opacity));
    if (this.state.tool !== "glass") return this.choose("glass");
    this.board.brush.value = 2.55 * this.state.opacity;
    return this.#set({}, `Opacity ${this.state.opacity} %.`);
  }

  resizeBrush(size) {
    this.board.brush.size = limitedSize(size);
    this.#set({}, `Brush ${Math.round(2 * this.board.brush.size)} pixels.`);
  }

  harden(hardness) {
    this.board.brush.hardness = Math.min(1, Math.max(0, hardness));
    this.#set({}, `Hardness ${Math.round(100 * this.board.brush.hardness)} %.`);
  }

  follow() {
    const follows = (this.board.brush.follows = !this.board.brush.follows);
    this.#set({}, follows ? "The brush snaps to edges." : "The brush does not snap to edges.");
  }

  showOn(backdrop) {
    this.#set({ backdrop });
  }

  compare() {
    const comparing = !this.state.comparing;
    this.#set({ comparing }, comparing ? "The photo is shown." : "The cut-out is shown.");
  }

  undo() {
    this.board.end();
    this.#say(this.board.undo() ? "Undone." : "There is nothing to undo.");
  }

  redo() {
    this.board.end();
    this.#say(this.board.redo() ? "Redone." : "There is nothing to redo.");
  }

  /** Leave out the thing at a point, or bring it back. */
  async pick(x, y) {
    const subject = subjectAt(this.#view.subjects, x, y);
    if (!subject) return this.#say("There is nothing to pick here.");
    const keep = keptOf(this.#view.subjects.map((one) => (one === subject ? { ...one, kept: !one.kept } : one)));
    if (!keep.length) return this.#warn("Keep at least one thing.");
    return this.#exchange(
      () => keepSubjects(this.#view.public_id, keep),
      subject.kept ? "Left out." : "Brought back.",
      true,
    );
  }

  /** Go back to the network's cut-out; can be undone. */
  startOver() {
    this.#startedOver = true;
    return this.#exchange(() => withdrawMask(this.#view.public_id), "Back to the first cut-out.", false);
  }

  /** Let the service change the mask, then load the new one. `mended`: keep strokes where the new mask is the same. */
  #exchange(change, words, mended) {
    return this.#busy(async () => {
      this.#view = await change();
      const { data } = await decodedGrey(await fetched(this.#view.mask_url));
      const before = this.#saved;
      this.#saved = data;
      this.board.replace(data, mended ? (at) => data[at] !== before[at] : () => true);
      this.#say(words);
    });
  }

  save() {
    this.board.end();
    return this.#busy(async () => {
      const { mask } = this.board;
      const tidy = withoutCrumbs(mask, this.#saved);
      if (tidy) this.board.replace(tidy);
      if (mask.data.some((value, at) => value !== this.#saved[at])) {
        this.#say("Saving.");
        this.#view = await putMask(this.#view.public_id, await greyPng(mask.levels[0]));
      }
      this.#close(this.#view);
    });
  }

  /** Leave and restore the cut-out from the start. Asks once before discarding changes. */
  leave() {
    this.board.end();
    if (this.board.history.canUndo && !this.state.asked) {
      this.state.asked = true;
      return this.#warn("Your changes are not saved. Save, or cancel again to discard them.");
    }
    if (this.#saved === this.#first.data) return this.#close(null);
    return this.#busy(async () => {
      const { view, data } = this.#first;
      const id = view.public_id;
      // Withdrawing the mask removed the one that the things were chosen from.
      const things = view.cut_by === "subjects" && !this.#startedOver;
      if (view.cut_by === "network") await withdrawMask(id);
      else if (things) await keepSubjects(id, keptOf(view.subjects));
      else await putMask(id, await greyPng({ ...this.board.mask.levels[0], data }));
      this.#close(null);
    });
  }

  async #busy(work) {
    if (this.state.busy) return;
    this.#set({ busy: true });
    this.#warn("");
    await work().catch((error) => this.#warn(error.message));
    this.#set({ busy: false });
  }

  /** Update the state, show it, and announce `words`. */
  #set(state, words = "") {
    Object.assign(this.state, state);
    this.#show();
    if (words) this.#say(words);
  }

  #point(x, y, keyboard) {
    this.#cursor.show(x, y, { paints: this.board.paints, keyboard });
  }

  #show() {
    const { tool, backdrop, comparing, busy } = this.state;
    this.#place.dataset.backdrop = backdrop;
    this.#place.dataset.tool = tool;
    this.#dialog.toggleAttribute("data-busy", busy);
    const ghost = backdrop === "left" || tool === "keep" || tool === "glass";
    this.board.painter.look = comparing ? "photo" : ghost ? "ghost" : "cut";
    const subjects = tool === "pick" ? this.#view.subjects : [];
    this.board.painter.marks = subjects.map(({ box, kept }) => ({ ...box, dashed: !kept }));
    for (const bar of this.#bars) bar.show();
  }

  #warn(words) {
    this.#words.textContent = words;
  }

  #say(words) {
    this.#said.textContent = words;
  }
}

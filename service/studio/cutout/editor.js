/** The window in which a person mends a cut-out. */

import { html } from "../page/dom.js";
import { Board } from "../mask/board.js";
import { withoutCrumbs } from "../mask/crumbs.js";
import { greyPng } from "../mask/png.js";
import { decoded, decodedGrey, pyramid } from "../mask/raster.js";
import { Cursor } from "./cursor.js";
import { listenToKeys } from "./keyboard.js";
import { listenToPointers } from "./pointer.js";
import { cutout, fetched, photoOf, putMask } from "./service.js";
import { OPACITY, limitedSize, toolBar, toolWords, topBar } from "./tools.js";

/**
 * Open a cut-out in the editor.
 *
 * @param {object} view the cut-out from the API
 * @param {object} options `photo`: the photo as a Blob, or null to fetch it; `lookAt`: a box of the photo to show
 *   first, or null; `signal`
 * @returns the changed cut-out, or null if nothing was saved. Throws Refusal if it can't be opened.
 */
export async function mend(view, { photo, lookAt = null, signal }) {
  const fresh = await cutout(view.public_id, signal); // signed URLs expire
  const [levels, mask] = await Promise.all([
    (async () => pyramid(await decoded(photo ?? (await fetched(await photoOf(fresh, signal), signal)))))(),
    (async () => decodedGrey(await fetched(fresh.mask_url, signal)))(),
  ]);
  if (levels[0].width !== mask.width || levels[0].height !== mask.height) {
    throw new Error("This photo looks different here than in the service. Save it as JPEG, and drop the new file.");
  }
  return new Editor(fresh, levels, mask, lookAt).opened(signal);
}

class Editor {
  state = { tool: "erase", look: "ghost", opacity: OPACITY[0], busy: false, asked: false };
  #view;
  /** The mask's bytes that the service has. */
  #saved;
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

  constructor(view, levels, mask, lookAt) {
    this.#view = view;
    this.#saved = mask.data.slice();
    const label = "The cut-out. Arrow keys move the brush, space puts it down and lifts it.";
    this.#canvas = html`<canvas class="mend-canvas" tabindex="0" role="application" aria-label=${label}></canvas>`;
    this.board = new Board(this.#canvas, levels, mask);
    this.#cursor = new Cursor(this.board, (words) => this.#say(words));
    this.#lookAt = lookAt;
    this.#bars = [topBar(this), toolBar(this)];
    this.#place = html`<div class="mend-place">${this.#canvas}${this.#cursor.element}</div>`;
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
    signal.addEventListener("abort", () => this.#close(null));
    return new Promise((resolve) => (this.#close = resolve)).finally(() => {
      resized.disconnect();
      this.#cursor.close();
      this.board.close();
      this.#dialog.remove();
    });
  }

  #listen() {
    const { board } = this;
    const tool = () => this.state.tool;
    const seen = (x, y) => (x === null ? this.#cursor.hide() : this.#point(x, y, false));
    listenToPointers(this.#canvas, board, { tool, seen });
    listenToKeys(this.#dialog, this.#canvas, board, {
      choose: (name) => this.choose(name),
      size: (by) => this.resizeBrush(board.brush.size * 1.2 ** by),
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
    this.board.end();
    this.board.brush.value = { erase: 0, keep: 255, glass: 2.55 * this.state.opacity }[name] ?? null;
    this.#set({ tool: name }, toolWords(name));
  }

  /** Set the opacity of the glass brush, in percent. */
  thicken(opacity) {
    this.board.brush.value = 2.55 * opacity;
    this.#set({ opacity }, `Opacity ${opacity} %.`);
  }

  resizeBrush(size) {
    this.board.brush.size = limitedSize(size);
    this.#set({}, `Brush ${Math.round(2 * this.board.brush.size)} pixels.`);
  }

  follow() {
    const follows = (this.board.brush.follows = !this.board.brush.follows);
    this.#set({}, follows ? "The brush snaps to edges." : "The brush does not snap to edges.");
  }

  showAs(look) {
    this.#set({ look });
  }

  undo() {
    this.board.end();
    this.#say(this.board.undo() ? "Undone." : "There is nothing to undo.");
  }

  redo() {
    this.board.end();
    this.#say(this.board.redo() ? "Redone." : "There is nothing to redo.");
  }

  async save() {
    if (this.state.busy) return;
    this.board.end();
    this.#warn("");
    this.#set({ busy: true });
    try {
      const { mask } = this.board;
      const tidy = withoutCrumbs(mask, this.#saved);
      if (tidy) this.board.replace(tidy);
      if (mask.data.some((value, at) => value !== this.#saved[at])) {
        this.#say("Saving.");
        this.#view = await putMask(this.#view.public_id, await greyPng(mask.levels[0]));
      }
      this.#close(this.#view);
    } catch (error) {
      this.#warn(error.message);
    }
    this.#set({ busy: false });
  }

  /** Leave without saving. Asks once before discarding changes. */
  leave() {
    this.board.end();
    if (!this.board.history.canUndo || this.state.asked) return this.#close(null);
    this.state.asked = true;
    return this.#warn("Your changes are not saved. Save, or cancel again to discard them.");
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
    const { tool, look, busy } = this.state;
    this.#place.dataset.look = look;
    this.#place.dataset.tool = tool;
    this.#dialog.toggleAttribute("data-busy", busy);
    // Missing parts are visible only on the photo.
    this.board.painter.look = look === "cut" && tool !== "erase" && tool !== "move" ? "ghost" : look;
    for (const bar of this.#bars) bar.show();
  }

  #warn(words) {
    this.#words.textContent = words;
  }

  #say(words) {
    this.#said.textContent = words;
  }
}

/** A photo of the tray: its cut-out over the photo, progress, doubts and remedies. */

import { doubtful as isDoubtful, doubtWords } from "../cutout/doubts.js";
import { pieceRows } from "../cutout/pieces.js";
import { EDITOR, answerPiece } from "../cutout/service.js";
import { attempt } from "../page/confirm.js";
import { fill, html, icon, say, styled } from "../page/dom.js";
import { refusedWords } from "../looks/button.js";
import { lookOf, singleLook } from "../looks/single.js";
import { fittingOffer } from "../place/fitting.js";
import { stancesBar, stanceWords } from "../place/stances.js";
import { doubts } from "./cutouts.js";
import { cutImage, renderImage } from "../page/thumbnail.js";
import { failureWords, lostWords, stageWords, titled } from "../page/words.js";

/** Reasons why a product does not fit, and the remedy. */
const NO_PLACE = "This scene does not suit the product.";
const CUT_OFF = "Your product is cut off in the photo, and the cut would show.";
const ELSEWHERE = "Say how it stands, or choose a scene that fits.";
const WORDS = { uploading: "Uploading", waiting: "Waiting for its turn", done: "Done", failed: "Not made" };

/** Return {element, show()} of an item; `drop` is called when a person removes it. */
export function severalTile(studio, several, item, { drop, signal }) {
  const channel = item.preset && titled(studio.catalogue.output_presets, item.preset);
  const called = channel ? `${item.name} for ${channel}` : item.name;
  const picture = html`<span class="several-picture"></span>`;
  const name = html`<a class="several-name">${item.name}${channel && html`<span class="several-for">${channel}</span>`}</a>`;
  const words = html`<span class="hint"></span>`;
  const why = html`<ul class="several-why"></ul>`;
  const pieces = html`<ul class="several-pieces"></ul>`;
  const error = html`<p class="error" role="alert"></p>`;
  const link = (text, onclick) =>
    html`<button class="link" aria-label=${`${text}: ${called}`} onclick=${onclick}>${text}</button>`;
  const right = link("It is right", () => (several.trust([item]), mend.focus()));
  const mend = link("Mend the cut-out", () => worked(mend, "Opening …", mended));
  const look = link("Free preview", () => worked(look, "Making it …", previewed));
  const retry = link("Try again", () => (item.job ? several.again(item) : several.recut(item, null), remove.focus()));
  const others = link("Show scenes that fit", () => fill(offer, fittingOffer(studio, item, { choose: dress, signal })));
  const same = link("Use the scene of the others", () => dress(null));
  const offer = html`<div class="several-offer"></div>`;
  const stances = stancesBar((stance) => (several.stand(item, stance), say(stanceWords(stance))));
  stances.element.setAttribute("aria-label", `How ${called} stands`);
  const line = html`<span class="line"></span>`;
  const remove = html`
    <button class="quiet round" aria-label=${`Remove ${called}`} title="Remove" onclick=${drop}>${icon("cross")}</button>`;
  const element = html`
    <li>
      ${picture}
      <div class="several-words">
        ${name} ${words} ${why} ${pieces} ${error}
        <div class="several-acts">${right} ${mend} ${look} ${others} ${same} ${retry}</div>
        ${line}
      </div>
      ${offer} ${stances.element}
      ${remove}
    </li>`;
  let before = [];
  return { element, show };

  /** Update the changed parts only, since there may be many tiles. */
  function show() {
    const { job, cut, share, lost, preview, error: trouble } = item;
    const state = several.stateOf(item);
    const seen = state === "ready" ? lookOf(item, studio.draft) : null;
    // The buttons stay while the placement is checked: the pointer or the focus may be on them.
    const open = Boolean(cut) && ["ready", "blocked", "cutting"].includes(state);
    const doubtful = open && state !== "blocked" && doubts(item);
    const stance = item.placement?.stance ?? "auto";
    const now = [state, job, cut, share, lost, preview, trouble, seen, doubtful, stance, item.scene, studio.looks.off];
    if (now.every((one, i) => one === before[i])) return;
    const pictures = [job?.render?.public_id, seen, state === "blocked", cut, preview];
    const unchanged = before.length && pictures.every((one, i) => one === before.pictures[i]);
    before = Object.assign(now, { pictures });
    Object.assign(element.dataset, { state });
    element.toggleAttribute("data-doubt", doubtful);
    element.toggleAttribute("data-looked", Boolean(seen));
    words.textContent = wordsOf(state, seen, doubtful);
    fill(why, whyOf(state, open, doubtful));
    fill(pieces, doubtful && !cut.error && pieceRows(cut, (id, keep) => worked(right, "Changing it …", () => answered(id, keep))));
    right.hidden = !doubtful;
    mend.hidden = !open || Boolean(cut.error);
    look.hidden = !open || state === "blocked" || studio.looks.off;
    others.hidden = state !== "blocked" || !cut.product_box;
    same.hidden = !open || !item.scene;
    if (state === "ready" || !open) fill(offer);
    retry.hidden = job?.status !== "FAILURE" && !(open && cut.error);
    remove.hidden = state === "running" || state === "waiting";
    stances.element.hidden = !open || !cut.product_box;
    if (!stances.element.hidden) stances.show(stance, cut);
    styled(line, { "--share": job ? job.progress : (share ?? 0) });
    line.hidden = !["uploading", "waiting", "running"].includes(state);
    if (job?.job_id) name.setAttribute("href", `#/jobs/${job.job_id}`);
    else name.removeAttribute("href");
    if (!unchanged) fill(picture, pictureOf(job?.render ?? seen?.render));
  }

  function pictureOf(render) {
    if (render) return renderImage(render, signal);
    const cut = item.cut?.product_box && cutImage(item.cut, signal);
    const photo = item.preview && html`<img class=${cut ? "behind" : ""} src=${item.preview} alt="" />`;
    return [photo, cut];
  }

  function wordsOf(state, seen, doubtful) {
    if (item.lost && (state === "uploading" || state === "cutting")) return lostWords(item.lost);
    if (state === "running") return stageWords(item.job.stage);
    if (state === "cutting") return item.cut ? "Looking for its place …" : "Cutting it out …";
    if (state === "blocked") return "It can't be made like this";
    if (state !== "ready") return WORDS[state];
    if (seen) return "This is what you get";
    if (doubtful) return "Check the cut-out";
    const scene = item.scene ? `, in ${titled(studio.catalogue.scene_types, item.scene)}` : "";
    return `Ready${scene}${item.cut.cut_by === "network" ? "" : ", its cut-out mended"}`;
  }

  /** Return the doubts or the reason for a failure, with remedies. */
  function whyOf(state, open, doubtful) {
    const { job, error: trouble, cut } = item;
    const failed = job?.error ?? (state === "blocked" || doubtful ? cut.error : null);
    if (failed) return said(...failureWords(failed));
    if (trouble) return said(trouble);
    if (state === "blocked" && cut.product_box) return said(cut.cut_sides.length ? CUT_OFF : NO_PLACE, ELSEWHERE);
    if (!open) return null;
    const grave = (warning) => Number(isDoubtful({ ...cut, warnings: [warning] }));
    const sorted = [...cut.warnings].sort((a, b) => grave(b) - grave(a)).map(doubtWords);
    return sorted.map(([what, remedy]) => said(what, state === "blocked" && remedy));
  }

  /** Set the scene of this item; null: the scene of the others. */
  function dress(scene) {
    several.dress(item, scene?.name ?? null);
    mend.focus();
  }

  /** Run the work of a button and show an error beside it. */
  async function worked(button, doing, work) {
    await attempt(error, "", () => ((button.textContent = doing), work()), button);
    show();
    (button.hidden ? remove : button).focus();
  }

  /** Keep or drop a doubtful piece. */
  async function answered(id, kept) {
    several.recut(item, await answerPiece(item.cut, id, kept));
  }

  /** Open the editor for the item's cut-out. */
  async function mended() {
    const { mend: opened } = await EDITOR.get();
    const saved = await opened(item.cut, { photo: null, signal });
    if (!saved) return;
    several.recut(item, saved);
    say(`The cut-out of ${item.name} is mended.`);
  }

  /** Make a free preview in the chosen scene. An order then uses the same background. */
  async function previewed() {
    try {
      several.looked(item, await singleLook(item, studio.draft, signal));
      say(`The preview of ${item.name} is there.`);
    } catch (refused) {
      studio.looks.refused(refused);
      throw Object.assign(refused, { words: refusedWords(refused) });
    }
  }
}

const said = (what, remedy) => html`<li><strong>${what}</strong>${remedy && ` ${remedy}`}</li>`;

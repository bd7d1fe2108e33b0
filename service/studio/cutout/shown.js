/** The cut-out of the photo on the stage: made at once, free, and corrected by clicks. */

import { fill, html, icon, say, styled } from "../page/dom.js";
import { keep, kept } from "../calls/session.js";
import { segments } from "../stage/steps.js";
import { persisted } from "../calls/waiting.js";
import { REMEDIES, lostWords } from "../page/words.js";
import { doubtWords, doubtful } from "./doubts.js";
import { Picture } from "./picture.js";
import { listenForPlaces } from "./pointing.js";
import { cutOut, fetched } from "./service.js";
import { Wishes } from "./wishes.js";

/** The views of the picture; the key V switches to the next. */
const LOOKS = [
  ["left", "Left out"],
  ["cut", "Cut-out"],
  ["photo", "Photo"],
  ["mask", "Mask"],
];
/** [name, title, hint] of each correction that a click can make. */
const WISHES = [
  ["mine", "This is my product", "your product"],
  ["too", "This too", "a missing part"],
  ["not", "Not this", "a part that does not belong to it"],
];
/** Photos whose cut-outs a person checked, in this tab; and the number of entries to keep. */
const CHECKED = "backdrop-checked";
const MOST_CHECKED = 200;
/** Milliseconds between the last keyboard step and its announcement. */
const PAUSE = 500;
/** Largest relative difference between the shapes of photo and mask; above it, the photo is a different one. */
const ALIKE = 0.02;

/**
 * Cut out the photo on the stage and show the result there.
 *
 * @param {object} studio
 * @param {object} source the draft's photo
 * @param {object} stage `print`: the figure; `photo`: the element in it that shows the photo; `file`: the photo itself,
 *   or null to fetch it; `heard(view, mended)`: gets each cut-out that is shown; `check(look)`: gets a function that
 *   brings a doubtful cut-out into view, or null; `signal`: aborted when another photo comes
 * @returns an element for below the figure
 */
export function shownCutout(studio, source, { print, photo, file, heard, check, signal }) {
  const element = html`<section class="cutout" aria-label="Cut-out"></section>`;
  const drawing = html`<span class="wish-place" hidden></span>`;
  const overlay = html`<div class="marks" aria-hidden="true"></div>`;
  const help = html`<p class="hint wish-help"></p>`;
  const trouble = html`<p class="wish-answer" role="alert"></p>`;
  const list = html`<ol class="doubtful"></ol>`;
  const undo = html`
    <button class="quiet round" aria-label="Undo" title="Undo (Ctrl + Z)" onclick=${undone}>${icon("undo")}</button>`;
  const lost = (refusal) => (trouble.textContent = refusal ? lostWords(refusal) : "");
  const isRight = html`<button class="button small" onclick=${right}>It is right</button>`;
  const wishes = new Wishes(source, { signal, lost });
  const name = source.key ?? source.render;
  /** Null until there is a cut-out. */
  let picture = null;
  let wanted = "mine";
  let again = false;
  /** The current work in words; null: none. */
  let busy = null;
  let timer = 0;
  addEventListener("keydown", pressed, { signal });
  start();
  return element;

  async function start() {
    print.classList.add("cutting");
    const words = html`<p class="hint" role="status"></p>`;
    const lost = (refusal) => (words.textContent = refusal ? lostWords(refusal) : "Cutting the product out …");
    lost(null);
    fill(element, words);
    try {
      const found = await persisted(() => cutOut(source, { signal, again }), { signal, lost });
      if (found.error || found.status !== "SUCCESS") return void fill(element, refused(found.error));
      const view = await wishes.begin(found);
      wishes.take(view, await persisted(() => maskOf(view), { signal, lost }));
      await begin(view);
      await show(false);
    } catch (error) {
      if (!signal.aborted) fill(element, refused(error));
    } finally {
      print.classList.remove("cutting");
    }
  }

  function refused(error) {
    again = true;
    const { code, message } = error ?? { code: "internal_error", message: "It could not be cut out." };
    return html`
      <div class="notice bad" role="alert">
        <p>${message}</p>
        ${REMEDIES[code] && html`<p>${REMEDIES[code]}</p>`}
        <button class="button small" onclick=${start}>Try again</button>
      </div>`;
  }

  /** Return the mask's file; null if the store allows images only, no reads by scripts. */
  async function maskOf(view) {
    return fetched(view.mask_url, signal).catch((error) => {
      if (signal.aborted || error.status || !navigator.onLine) throw error;
      return null;
    });
  }

  /** Add the picture and its controls for the photo's first cut-out. */
  async function begin(view) {
    const seen = photo.decode && (await photo.decode().then(() => true, () => false));
    const ratio = seen && (photo.naturalWidth * view.height) / (photo.naturalHeight * view.width);
    const whole = seen && Math.abs(ratio - 1) < ALIKE;
    if (!whole) fill(print, html`<img class="photo" alt="" src=${view.preview_url} />`);
    picture = new Picture(whole ? photo : null);
    print.append(picture.element, overlay);
    listenForPlaces(picture.element, { drawn, chosen: wish });
    fill(
      element,
      html`
        <div class="row centre">
          ${segments("looks", "wish", "A click on the picture says", WISHES, (kind) => ((wanted = kind), update()))}
          ${undo}
        </div>`,
      help,
      trouble,
      html`
        <div class="row centre">
          ${segments("looks", "look", "Show", LOOKS, choose)}
          <button class="button small" id="mend" onclick=${() => open()}>Mend the cut-out</button>
          ${isRight}
        </div>`,
      list,
    );
    element.querySelector(`[value=${wanted}]`).checked = true;
    const masked = Boolean(wishes.now.png);
    for (const [value, possible] of [["left", whole && masked], ["photo", whole], ["mask", masked]]) {
      element.querySelector(`[value=${value}]`).disabled = !possible;
    }
    for (const radio of element.querySelectorAll("[name=wish]")) radio.disabled = !masked;
    picture.look = whole && masked ? "left" : "cut";
  }

  /** Show the current cut-out. */
  async function show(mended = true) {
    const { view, png } = wishes.now;
    await picture.take(view, png);
    if (signal.aborted) return;
    print.classList.add("pictured");
    heard(view, mended);
    fill(overlay, view.warnings.flatMap(({ boxes }, i) => boxes.map((box) => mark(box, i + 1))), drawing);
    if (mended) checked();
    const answer = ["left", "cut"].includes(picture.look) ? picture.look : "left";
    choose(element.querySelector(`[value=${answer}]`).disabled ? "cut" : answer);
    update();
    say(spoken(view));
  }

  function spoken({ warnings: { length: count } }) {
    if (!count) return "The product is cut out.";
    return `The product is cut out. There ${count === 1 ? "is one place" : `are ${count} things`} to look at.`;
  }

  function update() {
    const { view } = wishes.now;
    undo.disabled = busy !== null || !wishes.canUndo;
    const [click, draw] = matchMedia("(pointer: coarse)").matches ? ["Tap", "hold and draw"] : ["Click", "draw"];
    const hint = `${click} ${WISHES.find(([kind]) => kind === wanted)[2]} in the picture, or ${draw} a box around it.`;
    help.textContent = busy ?? hint;
    const open = doubtful(view) && !(view.product_box && isChecked());
    check(open ? look : null);
    fill(list, view.warnings.map(doubt));
    isRight.hidden = !open || !view.product_box;
  }

  function doubt(warning, i) {
    const [what, remedy] = doubtWords(warning);
    const [box] = warning.boxes;
    return html`
      <li data-code=${warning.code}>
        <span class="mark-number" aria-hidden="true">${i + 1}</span>
        <span><strong>${what}</strong>${remedy && html`<span class="hint"> ${remedy}</span>`}</span>
        ${box && html`<button class="link" onclick=${() => open(box)}>Look closer</button>`}
      </li>`;
  }

  function mark({ left, top, width, height }, number) {
    const { view } = wishes.now;
    const [x, y] = [left / view.width, top / view.height];
    const box = html`<span class="mark-box"><span class="mark-number">${number}</span></span>`;
    return placed(box, [x, y, x + width / view.width, y + height / view.height]);
  }

  function isChecked() {
    return (kept(CHECKED) ?? []).includes(name);
  }

  /** Note that a person checked the cut-out, so that a reload does not ask again. */
  function checked() {
    keep(CHECKED, [...(kept(CHECKED) ?? []).filter((one) => one !== name), name].slice(-MOST_CHECKED));
  }

  function right() {
    checked();
    update();
    say("The cut-out is right.");
    picture.element.focus();
  }

  /** Bring the doubtful places into view. */
  function look() {
    if (!element.querySelector("[value=left]").disabled) choose("left");
    print.scrollIntoView({ block: "center" });
    (list.querySelector(".link") ?? (isRight.hidden ? picture.element : isRight)).focus({ preventScroll: true });
    say("Check the marked places. Then say that it is right, or mend it.");
  }

  function choose(look) {
    picture.look = look;
    element.querySelector(`[value=${look}]`).checked = true;
    print.classList.toggle("see-through", look === "cut");
  }

  function drawn(place, byKeyboard) {
    drawing.hidden = !place;
    clearTimeout(timer);
    if (!place) return;
    drawing.dataset.kind = place.length > 2 ? "box" : "cross";
    placed(drawing, place.length > 2 ? place : [...place, ...place]);
    if (byKeyboard) timer = setTimeout(() => say(placeWords(place)), PAUSE);
  }

  function placeWords(place) {
    const [left, top, right, bottom] = place.map((share) => `${Math.round(100 * share)} %`);
    if (right) return `A box from ${left} to ${right} across, from ${top} to ${bottom} down.`;
    return `${picture.keeps(place) ? "Kept" : "Left out"}; ${left} from the left, ${top} from the top.`;
  }

  function wish(place) {
    if (!wishes.now.png) return;
    work("Looking there …", () => wishes.wish(wanted, place, place.length === 2 && picture.keeps(place)));
  }

  function undone() {
    work("Undoing …", () => wishes.undo());
  }

  async function work(words, does) {
    if (busy) return;
    busy = words;
    const focus = document.activeElement;
    trouble.textContent = "";
    print.classList.add("cutting");
    update();
    say(words);
    try {
      await does();
      await show();
    } catch (error) {
      if (!signal.aborted) answer(error);
    } finally {
      busy = null;
      print.classList.remove("cutting");
      if (!signal.aborted) update();
      if (document.activeElement === document.body) (focus.disabled ? picture.element : focus).focus();
    }
  }

  /** Say why nothing changed, in red after a failure. */
  function answer({ message, status }) {
    trouble.classList.toggle("error", status !== undefined);
    trouble.textContent = message;
  }

  /** Keys of this step: V switches the view, Ctrl + Z undoes. */
  function pressed(event) {
    const typing = event.target.matches?.("input:not([type=radio], [type=checkbox], [type=range]), textarea, select");
    if (!picture || typing || event.altKey || !element.getClientRects().length) return;
    if (document.querySelector("dialog[open]") || event.defaultPrevented) return;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key !== "z" || event.shiftKey || !wishes.canUndo) return;
      event.preventDefault();
      undone();
    } else if (key === "v") {
      const possible = LOOKS.filter(([value]) => !element.querySelector(`[value=${value}]`).disabled);
      const at = possible.findIndex(([value]) => value === picture.look);
      const [value, words] = possible[(at + 1) % possible.length];
      choose(value);
      say(words);
    }
  }

  /** Open the editor at a box of the photo, or on the whole photo. */
  async function open(lookAt = null) {
    const button = document.activeElement;
    trouble.textContent = "";
    button.setAttribute("aria-busy", "true");
    say("Opening.");
    try {
      const { mend } = await import("./editor.js");
      const mended = await mend(wishes.now.view, { photo: file, colour: sceneColour(studio), lookAt, signal });
      wishes.rebase();
      if (signal.aborted) return;
      checked();
      if (mended) wishes.take(mended, await maskOf(mended));
      if (mended) await show();
      else update();
    } catch (error) {
      if (!signal.aborted) answer(error);
    } finally {
      button.removeAttribute("aria-busy");
      element.querySelector("#mend")?.focus();
    }
  }
}

/** Position an element at a place of the photo. */
function placed(element, [left, top, right, bottom]) {
  const [x, y, width, height] = [left, top, right - left, bottom - top].map((share) => `${100 * share}%`);
  return styled(element, { left: x, top: y, width, height });
}

/** Return the largest colour of the chosen scene, as CSS. */
export function sceneColour({ draft, catalogue }) {
  const scene = catalogue.scene_types.find(({ name }) => name === draft.scene_type);
  return draft.colours[0] ?? scene?.palette?.[0] ?? "#d9d9d9";
}

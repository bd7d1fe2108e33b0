/** The cut-out of the photo on the stage: made at once, free. One question, "Is this right?", and the tools to fix it. */

import { fill, html, icon, say, styled } from "../page/dom.js";
import { asksUndo } from "../page/undo.js";
import { keep, kept } from "../calls/session.js";
import { guessOf, stanceWords, stancesBar } from "../place/stances.js";
import { radios } from "../page/radios.js";
import { persisted } from "../calls/waiting.js";
import { REMEDIES, lostWords } from "../page/words.js";
import { doubtWords, doubtful } from "./doubts.js";
import { Picture } from "./picture.js";
import { pieceRows } from "./pieces.js";
import { listenForPlaces } from "./pointing.js";
import { EDITOR, cutOut, fetched } from "./service.js";
import { Wishes } from "./wishes.js";

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
/** Share of the figure that the enlarged product fills, and the largest enlargement. */
const [FILLS, MOST_NEAR] = [0.86, 4];

/**
 * Cut out the photo on the stage and show the result there.
 *
 * @param {object} studio
 * @param {object} source the draft's photo
 * @param {object} stage `print`: the figure; `photo`: the element in it that shows the photo; `file`: the photo itself,
 *   or null to fetch it; `heard(view, mended)`: gets each cut-out that is shown; `check(look)`: gets a function that
 *   brings a doubtful cut-out into view, or null; `next()`: called when a person says that the cut-out is right;
 *   `signal`: aborted when another photo comes
 * @returns an element for below the figure
 */
export function shownCutout(studio, source, { print, photo, file, heard, check, next, signal }) {
  const { draft } = studio;
  const element = html`<section class="cutout" aria-label="Cut-out"></section>`;
  const drawing = html`<span class="wish-place" hidden></span>`;
  const overlay = html`<div class="marks" aria-hidden="true"></div>`;
  const help = html`<p class="hint wish-help"></p>`;
  const trouble = html`<p class="wish-answer" role="alert"></p>`;
  const list = html`<ol class="doubtful"></ol>`;
  const question = html`<h2></h2>`;
  const button = (name, id, press) => html`<button class="button small" id=${id} onclick=${press}>${name}</button>`;
  const yes = button("Yes", "right", right);
  const fix = button("Fix", "fix", () => turn(true));
  const brush = button("Mend by brush", "mend", () => open());
  const over = button("Start over", "start-over", () => work("Going back …", () => wishes.startOver()));
  const compare = button("Photo", "compare-photo", () => peek(!peeking));
  const undo = html`
    <button class="quiet round" aria-label="Undo" title="Undo (Ctrl + Z)" onclick=${undone}>${icon("undo")}</button>`;
  const kinds = radios("wish", "A click on the picture says", WISHES, (kind) => ((wanted = kind), update()), "looks");
  const tools = html`
    <div class="row centre" hidden>
      ${kinds.element} ${undo}
      ${brush} ${over}
    </div>`;
  const stances = stancesBar((stance) => {
    draft.change({ placement: { ...draft.placement, stance } });
    say(stanceWords(stance));
  });
  const lost = (refusal) => (trouble.textContent = refusal ? lostWords(refusal) : "");
  const wishes = new Wishes(source, { signal, lost });
  const name = source.key ?? source.render;
  /** Null until there is a cut-out. */
  let picture = null;
  /** Whether the tools are shown, and whether the photo is shown in place of the cut-out. */
  let [fixing, peeking] = [false, false];
  let wanted = "mine";
  let again = false;
  /** The current work in words; null: none. */
  let busy = null;
  let timer = 0;
  addEventListener("keydown", pressed, { signal });
  // A correction may have to replace the mask on its way; leaving then would lose what was mended before.
  addEventListener("beforeunload", (event) => busy && event.preventDefault(), { signal });
  draft.addEventListener("change", ({ detail }) => "placement" in detail && picture && stand(), { signal });
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
      wishes.take(found, await persisted(() => maskOf(found), { signal, lost }));
      await begin(found);
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
    const head = html`<div class="row centre">${question}${yes}${fix}${compare}</div>`;
    fill(element, head, tools, help, trouble, list, stances.element);
    kinds.show(wanted);
    for (const radio of kinds.inputs) radio.disabled = !wishes.now.png;
    compare.hidden = !whole;
    turn(false);
  }

  /** Show the current cut-out. */
  async function show(mended = true) {
    const { view, png } = wishes.now;
    await picture.take(view, png);
    if (signal.aborted) return;
    print.classList.add("pictured");
    heard(view, mended);
    if (mended) forget();
    near();
    update();
    say(spoken(view));
  }

  function spoken(view) {
    const count = warningsOf(view).length + view.pieces.filter(({ answered }) => !answered).length;
    if (!count) return "The product is cut out. Is it right?";
    return `The product is cut out. There ${count === 1 ? "is one place" : `are ${count} things`} to look at.`;
  }

  /** Show the tools and the whole photo, or the question and the product large. */
  function turn(on) {
    fixing = on;
    print.classList.toggle("fixing", on);
    peek(false);
    near();
    if (wishes.now) update();
    if (on) picture.element.focus();
  }

  function peek(on) {
    peeking = on;
    picture.look = on ? "photo" : fixing && wishes.now.png && !compare.hidden ? "left" : "cut";
    compare.setAttribute("aria-pressed", String(on));
  }

  /** Enlarge the product until it fills the figure; while fixing, show the whole photo. */
  function near() {
    const { width, height, product_box: box, pieces } = wishes.now.view;
    const shown = fixing || !box ? { left: 0, top: 0, width, height } : around([box, ...pieces.map((one) => one.box)]);
    const scale = Math.max(1, Math.min(MOST_NEAR, FILLS / Math.max(shown.width / width, shown.height / height)));
    const start = (at, size, whole) => Math.min(0, Math.max(1 - scale, 0.5 - (scale * (at + size / 2)) / whole));
    const [x, y] = [start(shown.left, shown.width, width), start(shown.top, shown.height, height)];
    styled(print, { "--near": scale, "--near-x": `${100 * x}%`, "--near-y": `${100 * y}%` });
    picture.near = scale;
  }

  function update() {
    const { view } = wishes.now;
    const open = doubtful(view) && !isChecked();
    const sure = isChecked() && Boolean(view.product_box);
    undo.disabled = busy !== null || !wishes.canUndo;
    over.hidden = view.cut_by === "network";
    const hint = `Click ${WISHES.find(([kind]) => kind === wanted)[2]} in the picture, or draw a box around it.`;
    help.textContent = busy ?? (fixing ? hint : "");
    question.textContent = sure ? "You said that it is right." : fixing ? "Is this right now?" : "Is this right?";
    check(open ? look : null);
    yes.hidden = sure || !view.product_box;
    yes.classList.toggle("primary", !sure);
    yes.disabled = busy !== null;
    fix.hidden = fixing;
    tools.hidden = !fixing;
    print.classList.toggle("see-through", !fixing && !picture.grounded);
    const rows = pieceRows(view, (id, keep) => work("Changing it …", () => wishes.answer(id, keep)));
    const warnings = warningsOf(view);
    const boxes = [...view.pieces.map(({ box }) => [box]), ...warnings.map((one) => one.boxes)];
    fill(overlay, boxes.flatMap((all, i) => all.map((box) => mark(box, i + 1))), drawing);
    fill(list, rows, warnings.map((one, i) => doubt(one, view.pieces.length + i + 1)));
    stand();
  }

  function stand() {
    const { view } = wishes.now;
    stances.element.hidden = fixing || !view.product_box;
    stances.show(draft.placement.stance, view);
  }

  function doubt(warning, number) {
    const [what, remedy] = doubtWords(warning);
    const [box] = warning.boxes;
    return html`
      <li data-code=${warning.code}>
        <span class="mark-number" aria-hidden="true">${number}</span>
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

  /** Ask again about a changed cut-out. */
  function forget() {
    keep(CHECKED, (kept(CHECKED) ?? []).filter((one) => one !== name));
  }

  /** Note that a person finds the cut-out right, so that a reload does not ask again. */
  async function right() {
    await work("Noting it …", () => wishes.confirm(), false);
    if (trouble.textContent || signal.aborted) return;
    keep(CHECKED, [...(kept(CHECKED) ?? []).filter((one) => one !== name), name].slice(-MOST_CHECKED));
    turn(false);
    // The question shows the guess of the stance, too, so that it is the owner's word now.
    const stance = guessOf(wishes.now.view);
    const shown = draft.placement.stance === "auto" && stance && stance !== "cut_below";
    if (shown) draft.change({ placement: { ...draft.placement, stance } });
    say("The cut-out is right.");
    next();
  }

  /** Bring the doubtful places into view. */
  function look() {
    print.scrollIntoView({ block: "center" });
    (list.querySelector("input, .link") ?? (yes.hidden ? picture.element : yes)).focus({ preventScroll: true });
    say("Check the marked places. Then say that it is right, or fix it.");
  }

  function drawn(place, byKeyboard) {
    drawing.hidden = !place || !fixing;
    clearTimeout(timer);
    if (drawing.hidden) return;
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
    if (!fixing || !wishes.now.png) return;
    work("Looking there …", () => wishes.wish(wanted, place, place.length === 2 && picture.keeps(place)));
  }

  function undone() {
    work("Undoing …", () => wishes.undo());
  }

  async function work(words, does, mended = true) {
    if (busy) return;
    busy = words;
    const focus = document.activeElement;
    const row = focus.name?.startsWith("piece-") && `[name=${focus.name}]:checked`; // its row is replaced
    trouble.textContent = "";
    print.classList.add("cutting");
    update();
    say(words);
    try {
      await does();
      await show(mended);
    } catch (error) {
      if (!signal.aborted) answer(error);
    } finally {
      busy = null;
      print.classList.remove("cutting");
      if (!signal.aborted) update();
      if (document.activeElement === document.body) {
        const back = (row && element.querySelector(row)) || focus;
        (back.disabled || !back.isConnected || !back.getClientRects().length ? picture.element : back).focus();
      }
    }
  }

  /** Say why nothing changed, in red after a failure. */
  function answer({ message, status }) {
    trouble.classList.toggle("error", status !== undefined);
    trouble.textContent = message;
  }

  function pressed(event) {
    if (!asksUndo(event) || !wishes.canUndo || !element.getClientRects().length) return;
    event.preventDefault();
    undone();
  }

  /** Open the editor at a box of the photo, or on the whole photo. */
  async function open(lookAt = null) {
    const button = document.activeElement;
    trouble.textContent = "";
    button.setAttribute("aria-busy", "true");
    say("Opening.");
    try {
      const { mend } = await EDITOR.get();
      const mended = await mend(wishes.now.view, { photo: file, lookAt, signal });
      if (signal.aborted) return;
      if (mended) wishes.take(mended, await maskOf(mended));
      if (mended) await show();
      else update();
    } catch (error) {
      if (!signal.aborted) answer(error);
    } finally {
      button.removeAttribute("aria-busy");
      (fixing ? brush : fix).focus();
    }
  }
}

/** Return the warnings to show: the pieces say more exactly where the cut-out is uncertain. */
const warningsOf = ({ warnings, pieces }) => warnings.filter(({ code }) => !pieces.length || code !== "low_confidence");

/** Return the box around boxes. */
function around(boxes) {
  const [left, top] = ["left", "top"].map((side) => Math.min(...boxes.map((box) => box[side])));
  const width = Math.max(...boxes.map((box) => box.left + box.width)) - left;
  return { left, top, width, height: Math.max(...boxes.map((box) => box.top + box.height)) - top };
}

/** Position an element at a place of the photo. */
function placed(element, [left, top, right, bottom]) {
  const [x, y, width, height] = [left, top, right - left, bottom - top].map((share) => `${100 * share}%`);
  return styled(element, { left: x, top: y, width, height });
}

/** The placement step: a person moves, scales and turns the product in the picture, drawn to scale. */

import { fill, html, mark, say, styled } from "../page/dom.js";
import { MOST_SHIFT, MOST_TURN, SCALES } from "../order/draft.js";
import { framed, layFrame, layGround } from "../more/sketch.js";
import { UNMOVED } from "../order/options.js";
import { KEYS, listenToHands } from "./hands.js";
import { MOST_LOST, judged, placed, planned, withinMargins } from "./layout.js";
import { persisted } from "../calls/waiting.js";
import { lostWords } from "../page/words.js";
import { outlined, uprightTurn } from "./outline.js";
import { plannedPlace } from "./service.js";
import { stanceWords, stancesBar } from "./stances.js";

/** Steps of the size slider that double the size. */
const OCTAVE = 50;
/** Milliseconds to wait for further choices before asking the service for the placement. */
const PAUSE = 200;

/**
 * Return the board, which updates itself until `signal` is aborted.
 *
 * @param {object} studio
 * @param {object} view the photo's cut-out
 */
export function placeBoard(studio, view, signal) {
  const { draft, looks, catalogue } = studio;
  const words = html`<p class="hint" role="status">Opening …</p>`;
  const element = html`<div class="placing">${words}</div>`;
  let outline = null;
  /** The default placement; null: the product does not fit. */
  let place = null;
  /** Draws the board; null: it is not open yet. */
  let redraw = null;
  let [asking, timer] = [new AbortController(), null];
  let { stance } = draft.placement;
  signal.addEventListener("abort", () => (clearTimeout(timer), asking.abort()));
  draft.addEventListener("change", drafted, { signal });
  let { seen } = looks;
  const looked = () => {
    if (looks.seen === seen) return;
    ({ seen } = looks);
    look();
  };
  looks.addEventListener("change", looked, { signal });
  look();
  return element;

  function drafted({ detail }) {
    const stood = stance !== draft.placement.stance;
    const chosen = ["scene_type", "output_preset", "brand", "frame", "ground"].some((name) => name in detail);
    // A moved product leaves its brand's pinned place for the usual one.
    if (!stood && !chosen && !(draft.brand && "placement" in detail)) return;
    ({ stance } = draft.placement);
    clearTimeout(timer);
    timer = setTimeout(look, stood ? 0 : PAUSE);
  }

  async function look() {
    asking.abort();
    asking = new AbortController();
    const mine = asking.signal;
    try {
      const lost = (refusal) => refusal && !redraw && (words.textContent = lostWords(refusal));
      outline ??= await outlined(view, mine);
      place = await persisted(() => plannedPlace(draft, seen, mine), { signal: mine, lost });
      if (mine.aborted) return;
      if (!redraw) open();
      redraw();
    } catch (error) {
      if (mine.aborted) return;
      if (seen && error.status === 404) looks.expire(seen); // this asks again for the photo itself
      else if (!redraw) words.textContent = error.message;
    }
  }

  function open() {
    let placement = { ...draft.placement };
    let overLook = true;
    const picture = html`<div class="place-picture">${outline.picture}</div>`;
    const box = html`
      <div class="place-box" tabindex="0" role="application" aria-label=${SPOKEN_KEYS}>
        ${["nw", "ne", "sw", "se"].map((at) => html`<span class="place-corner ${at}" data-does="scale"></span>`)}
        <span class="place-knob" data-does="turn"></span>
      </div>`;
    const look = html`<img class="place-look" alt="" hidden />`;
    const behind = html`<span class="sketch-ground" hidden></span>`;
    const margin = html`<span class="place-margin"></span>`;
    const copy = html`<span class="sketch-copy" hidden>Room for your text</span>`;
    const clip = html`<div class="place-clip">${behind}${look}${copy}${margin}${picture}</div>`;
    const sheet = html`<div class="place-sheet">${clip}${box}</div>`;
    const scaled = () => move({ ...placement, scale: 2 ** (size.value / OCTAVE) });
    const turned = () => move({ ...placement, turn: Number(turn.value) });
    const range = (id, least, most, step, heard) =>
      html`<input type="range" id=${id} min=${least} max=${most} step=${step} oninput=${heard} onchange=${done} />`;
    const size = range("place-size", ...SCALES.map((scale) => Math.ceil(OCTAVE * Math.log2(scale))), 1, scaled);
    const turn = range("place-turn", -MOST_TURN, MOST_TURN, 0.5, turned);
    const [sizeWords, turnWords] = [size, turn].map(({ id }) => html`<output for=${id}></output>`);
    const button = (words, onclick) => html`<button class="button small" onclick=${onclick}>${words}</button>`;
    const reset = button("Put back", () => put({ ...UNMOVED }, "Put back."));
    const backdrop = button("Over the preview", () => ((overLook = !overLook), show()));
    const stances = stancesBar((word) => put({ ...placement, stance: word }, stanceWords(word)));
    const verdict = html`<ul class="place-rules" aria-live="polite"></ul>`;
    const announced = html`<p class="unseen" role="status" aria-live="polite"></p>`;
    listenToHands(sheet, box, {
      placement: () => placement,
      pivot: () => {
        const { pivot } = at() ?? { pivot: [ratio() / 2, 0.5] };
        return { x: pivot[0] / ratio(), y: pivot[1] };
      },
      move,
      done,
      straighten: () => straightened(),
      reset: () => ({ ...UNMOVED }),
    });
    draft.addEventListener("change", follow, { signal });
    looks.addEventListener("change", show, { signal });
    fill(
      element,
      html`
        <div class="place-frame">${sheet}</div>
        <div class="place-controls">
          ${stances.element}
          <div class="place-slider"><label for=${size.id}>Size</label>${size}${sizeWords}</div>
          <div class="place-slider"><label for=${turn.id}>Turn</label>${turn}${turnWords}</div>
          <div class="row centre">
            ${button("Straighten", () => put(straightened(), "Straightened."))}${reset}${backdrop}
          </div>
        </div>
        ${verdict}
        <details class="place-keys">
          <summary>By keyboard</summary>
          <dl>${KEYS.map(([key, does]) => html`<div><dt>${key}</dt><dd>${does}</dd></div>`)}</dl>
        </details>
        ${announced}`,
    );
    redraw = show;

    /** Width over height of the picture; for a channel without a size, of the photo. */
    function ratio() {
      const { width, height } = draft.preset;
      return width ? width / height : view.width / view.height;
    }

    /** Return the product's current position; null: it does not fit. */
    function at() {
      if (!place) return null;
      const { base, seen } = planned(place, outline.aspect, ratio());
      return { base, seen, ...placed(base, placement, outline, ratio(), seen) };
    }

    function move(next) {
      const round = (value, digits) => Number(value.toFixed(digits)) || 0;
      const limited = (value, most, digits) => round(Math.min(most, Math.max(-most, value)), digits);
      placement = {
        ...next,
        shift_x: limited(next.shift_x, MOST_SHIFT, 4),
        shift_y: limited(next.shift_y, MOST_SHIFT, 4),
        scale: round(Math.min(SCALES[1], Math.max(SCALES[0], next.scale)), 3),
        turn: limited(next.turn, MOST_TURN, 1),
      };
      show();
    }

    /** Apply the placement after a gesture or a key. */
    function done() {
      const changed = JSON.stringify(placement) !== JSON.stringify(draft.placement);
      if (changed) draft.change({ placement: { ...placement } });
      if (changed) announced.textContent = spoken(placement);
    }

    function put(next, words) {
      if (!next) return;
      move(next);
      done();
      say(words);
    }

    function straightened() {
      const degrees = uprightTurn(outline);
      if (degrees !== null && Math.abs(degrees) <= MOST_TURN) return { ...placement, turn: degrees };
      announced.textContent = "";
      fill(verdict, rule("unchecked", "Backdrop can't tell which way is up. Turn it yourself."));
      return null;
    }

    function follow({ detail }) {
      if ("placement" in detail) placement = { ...detail.placement };
      show();
    }

    function show() {
      const there = at();
      const share = (value, whole = 1) => `${(100 * value) / whole}%`;
      const [left, top, right, bottom] = there?.box ?? [0, 0, 1, 1];
      const [wide, tall] = [right - left, bottom - top];
      for (const one of [picture, box]) {
        one.hidden = !there;
        if (!there) continue;
        styled(one, {
          left: share(left, ratio()),
          top: share(top),
          width: share(wide, ratio()),
          height: share(tall),
          rotate: `${placement.turn}deg`,
          "transform-origin": `${share(there.pivot[0] - left, wide)} ${share(there.pivot[1] - top, tall)}`,
        });
      }
      styled(sheet, { "--ratio": ratio(), ...colours() });
      sheet.dataset.background = draft.scene_type === "white" ? "white" : draft.preset.background;
      layGround(behind, draft, ratio());
      layFrame(margin, copy, draft);
      const seen = looks.earlier?.job.render;
      backdrop.hidden = !seen;
      backdrop.setAttribute("aria-pressed", String(overLook));
      look.hidden = !seen || !overLook;
      if (seen && look.getAttribute("src") !== seen.url) look.src = seen.url;
      sheet.classList.toggle("over-look", !look.hidden);
      size.value = OCTAVE * Math.log2(placement.scale);
      turn.value = placement.turn;
      sizeWords.textContent = `${Math.round(100 * placement.scale)} %`;
      turnWords.textContent = degrees(placement.turn);
      size.setAttribute("aria-valuetext", sizeWords.textContent);
      turn.setAttribute("aria-valuetext", turnWords.textContent);
      stances.show(placement.stance, guessed());
      reset.disabled = Object.entries(UNMOVED).every(([name, value]) => placement[name] === value);
      fill(verdict, there ? rules(there) : [rule("fail", NOWHERE)]);
    }

    /** Return the service's guess of the stance. A preview used the mended mask, so it is better than the cut-out's. */
    function guessed() {
      const seen = looks.seen?.job.render.cutout;
      return seen?.stance_from === "guess" ? seen : view;
    }

    /** Return the colours of wall and floor, of the scene or as chosen. Seen from above there is no wall. */
    function colours() {
      const scene = catalogue.scene_types.find(({ name }) => name === draft.scene_type);
      const [wall = "#d9d9d9", floor = wall] = draft.colours.length ? draft.colours : (scene?.palette ?? []);
      const surface = scene?.kind === "flatlay" ? wall : floor;
      const { stance } = draft.placement;
      const lies = place?.anchor === "middle" && (stance === "auto" ? guessed().stance : stance) !== "hanging";
      return { "--wall": lies ? surface : wall, "--floor": lies ? surface : floor };
    }

    /** Return what the channel's rules say about the position, as far as the outline shows. */
    function rules(there) {
      const { lost, shown, margins } = judged(there, framed(draft), ratio(), there.seen);
      const { title, width } = draft.preset;
      const asksMargins = draft.preset.rules.some(({ name }) => name === "margins");
      const found = [];
      if (lost > MOST_LOST) {
        found.push(rule("fail", `${Math.round(100 * lost)} % of it is outside the picture. Move it back.`));
      } else if (shown.length) {
        found.push(rule("fail", `The photo crops the product at the ${shown[0]}, so keep it at that edge.`));
      } else if (margins.length) {
        const where = margins.join(" and ");
        const why = asksMargins ? `${title} asks for a free margin there.` : `A margin is usual for ${title}.`;
        found.push(rule(asksMargins ? "fail" : "warn", `It comes near the edge (${where}). ${why}`));
      } else found.push(rule("pass", `Inside the free margins of ${title}.`));
      const enlarged = width ? ((there.box[2] - there.box[0]) * (width / ratio())) / view.product_box.width : 1;
      if (enlarged > 1.05) found.push(rule("warn", "Larger than in your photo: it looks a little softer."));
      if (shown.length || !(lost > MOST_LOST || margins.length)) return found;
      const inside = () => withinMargins(there.base, placement, outline, framed(draft), ratio(), there.seen);
      const back = () => put(inside(), "Inside the margins.");
      return [...found, html`<li><button class="link" onclick=${back}>Back inside the margins</button></li>`];
    }
  }
}

const SPOKEN_KEYS =
  "The product. Arrow keys move it, plus and minus scale it, brackets turn it, S straightens it.";
const NOWHERE = "Standing like this, it has no place in this scene. Choose how it stands, or another scene.";
const rule = (status, words) => html`<li data-status=${status}>${mark(status)}${words}</li>`;

const degrees = (turn) => (turn ? `${Math.abs(turn)}° ${turn > 0 ? "right" : "left"}` : "0°");

/** Return a placement in words for screen readers. */
function spoken({ shift_x: x, shift_y: y, scale, turn, stance }) {
  const percent = (value) => `${Math.abs(Math.round(1000 * value) / 10)} %`;
  const parts = [
    x && `${percent(x)} ${x > 0 ? "right" : "left"}`,
    y && `${percent(y)} ${y > 0 ? "down" : "up"}`,
    scale !== 1 && `size ${Math.round(100 * scale)} %`,
    turn && `turned ${degrees(turn)}`,
    stance !== "auto" && stanceWords(stance).toLowerCase().replace(".", ""),
  ].filter(Boolean);
  return parts.length ? `${parts.join(", ")}.` : "Where Backdrop puts it.";
}

/** The placement step: a person moves, scales and turns the product in the picture, drawn to scale. */

import { fill, html, mark, say, styled } from "../page/dom.js";
import { MOST_SHIFT, MOST_TURN, SCALES } from "../order/draft.js";
import { slide } from "../more/controls.js";
import { layLayers } from "../more/lay.js";
import { framed, sketch } from "../more/sketch.js";
import { UNMOVED } from "../order/options.js";
import { listenToHands } from "./hands.js";
import { MOST_LOST, judged } from "./layout.js";
import { uprightTurn } from "./outline.js";
import { stanceWords, stancesBar } from "./stances.js";

/** Steps of the size slider that double the size. */
const OCTAVE = 50;
const SPOKEN_KEYS = "The product. Arrow keys move it, with Shift farther, with Alt a little.";

/**
 * Return the board, which updates itself until `signal` is aborted.
 *
 * @param {object} studio
 * @param {object} view the photo's cut-out
 */
export function placeBoard(studio, order, view, signal) {
  const { draft, looks, catalogue } = studio;
  let placement = { ...draft.placement };
  let overLook = true;
  const moved = ({ detail }) => "placement" in detail && (placement = { ...detail.placement });
  draft.addEventListener("change", moved, { signal }); // before the sketch draws it
  const seen = sketch({ studio, order, signal }, { placement: () => placement, drawn: show });
  const look = html`<img class="place-look" alt="" hidden />`;
  seen.element.firstChild.after(look);
  const box = html`
    <div class="place-box" tabindex="0" role="application" aria-label=${SPOKEN_KEYS}>
      ${["nw", "ne", "sw", "se"].map((at) => html`<span class="place-corner ${at}" data-does="scale"></span>`)}
      <span class="place-knob" data-does="turn"></span>
    </div>`;
  const sheet = html`<div class="place-sheet">${seen.element}${box}</div>`;
  const letters = layLayers(sheet, seen.product, draft, signal);
  const sizes = { min: Math.ceil(OCTAVE * Math.log2(SCALES[0])), max: OCTAVE * Math.log2(SCALES[1]), step: 1 };
  const size = slide("place-size", "Size", sizes, (value) => move({ ...placement, scale: 2 ** (value / OCTAVE) }), done);
  const turns = { min: -MOST_TURN, max: MOST_TURN, step: 0.5 };
  const turn = slide("place-turn", "Turn", turns, (value) => move({ ...placement, turn: value }), done);
  const button = (words, press) => html`<button class="button small" onclick=${press}>${words}</button>`;
  const reset = button("Put back", () => put({ ...UNMOVED }, "Put back."));
  const backdrop = button("Over the preview", () => ((overLook = !overLook), seen.show()));
  const stances = stancesBar((word) => put({ ...placement, stance: word }, stanceWords(word)));
  const verdict = html`<ul class="place-rules" aria-live="polite"></ul>`;
  const announced = html`<p class="unseen" role="status" aria-live="polite"></p>`;
  listenToHands(sheet, box, { placement: () => placement, pivot, move, done });
  looks.addEventListener("change", seen.show, { signal });
  return html`
    <div class="placing">
      <div class="place-frame">${sheet}</div>
      <div class="place-controls">
        ${stances.element} ${size.element} ${turn.element}
        <div class="row centre">${button("Straighten", straighten)}${reset}${backdrop}</div>
      </div>
      ${verdict} ${announced}
    </div>`;

  /** Return the centre of rotation, as shares of the picture. */
  function pivot() {
    const [x, y] = seen.at()?.pivot ?? [seen.ratio() / 2, 0.5];
    return { x: x / seen.ratio(), y };
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
    seen.show();
  }

  /** Apply the placement after a gesture or a key. */
  function done() {
    const changed = JSON.stringify(placement) !== JSON.stringify(draft.placement);
    if (changed) draft.change({ placement: { ...placement } });
    if (changed) announced.textContent = spoken(placement);
  }

  function put(next, words) {
    move(next);
    done();
    say(words);
  }

  function straighten() {
    const degrees = seen.outline && uprightTurn(seen.outline);
    if (degrees !== null && Math.abs(degrees) <= MOST_TURN) return put({ ...placement, turn: degrees }, "Straightened.");
    announced.textContent = "";
    return fill(verdict, rule("unchecked", "Backdrop can't tell which way is up. Turn it yourself."));
  }

  function show(there) {
    box.hidden = !there;
    if (there) styled(box, there.style);
    styled(sheet, { "--ratio": seen.ratio(), ...colours(there) });
    sheet.dataset.background = draft.scene_type === "white" ? "white" : draft.preset.background;
    letters.show(); // some stand beside the product
    const render = draft.lettering.layers.length ? null : looks.earlier?.job.render; // its texts would be seen twice
    backdrop.hidden = !render;
    backdrop.setAttribute("aria-pressed", String(overLook));
    look.hidden = !render || !overLook;
    if (render && look.getAttribute("src") !== render.url) look.src = render.url;
    size.show(OCTAVE * Math.log2(placement.scale), `${Math.round(100 * placement.scale)} %`);
    turn.show(placement.turn, degrees(placement.turn));
    stances.show(placement.stance, guessed());
    reset.disabled = Object.entries(UNMOVED).every(([name, value]) => placement[name] === value);
    const lacks = order.placeless ? rule("fail", NOWHERE) : rule("unchecked", seen.trouble ?? "Looking for its place …");
    fill(verdict, there ? rules(there) : lacks);
  }

  /** Return the service's guess of the stance. A preview used the mended mask, so it is better than the cut-out's. */
  function guessed() {
    const previewed = looks.seen?.job.render.cutout;
    return previewed?.stance_from === "guess" ? previewed : view;
  }

  /** Return the colours of wall and floor, of the scene or as chosen. Seen from above there is no wall. */
  function colours(there) {
    const scene = catalogue.scene_types.find(({ name }) => name === draft.scene_type);
    const [wall = "#d9d9d9", floor = wall] = draft.colours.length ? draft.colours : (scene?.palette ?? []);
    const surface = scene?.kind === "flatlay" ? wall : floor;
    const { stance } = draft.placement;
    const lies = there?.seen.anchor === "middle" && (stance === "auto" ? guessed().stance : stance) !== "hanging";
    return { "--wall": lies ? surface : wall, "--floor": lies ? surface : floor };
  }

  /** Return what the channel's rules say about the position, as far as the outline shows. */
  function rules(there) {
    const { lost, shown, margins } = judged(there, framed(draft), seen.ratio(), there.seen);
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
    const wide = ((there.box[2] - there.box[0]) * width) / seen.ratio();
    if (wide > 1.05 * view.product_box.width) {
      found.push(rule("warn", "Larger than in your photo: it looks a little softer."));
    }
    return found;
  }
}

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

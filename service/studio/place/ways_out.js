/** Ways out if a product does not fit the scene: another stance or another scene. */

import { cutOut } from "../cutout/service.js";
import { fill, html, say } from "../page/dom.js";
import { fittingOffer } from "./fitting.js";
import { stanceWords, stancesBar } from "./stances.js";

/**
 * Return {element, show(stance, cut = null)} with both ways out for a photo, {key} or {render}.
 *
 * @param {object} options `stand(stance)` and `dress(scene_type)` get the choice; `signal`
 */
export function waysOut(studio, source, { stand, dress, signal }) {
  const stances = stancesBar((stance) => (stand(stance), say(stanceWords(stance))));
  const offer = html`<div></div>`;
  const choose = ({ name, title }) => (dress(name), say(`${title}. Your other choices stay.`));
  let asking = new AbortController();
  signal.addEventListener("abort", () => asking.abort());
  const element = html`
    <div class="ways-out">
      <p class="label stands">How it stands</p>${stances.element}
      <p class="label">These scenes fit. Your other choices stay.</p>${offer}
    </div>`;
  return { element, show };

  function show(stance, cut = null) {
    asking.abort();
    asking = new AbortController();
    stances.show(stance, cut);
    const guessed = (view) => asking.signal.aborted || stances.show(stance, view);
    if (cut === null) cutOut(source, { signal: asking.signal }).then(guessed, () => {}); // unmarked on failure
    fill(offer, fittingOffer(studio, { ...source, stance }, { choose, signal: asking.signal }));
  }
}

/** Return the order's notice that the product does not fit the chosen scene; hidden while it fits. */
export function placeTrouble(studio, order, signal) {
  const { draft, several } = studio;
  const why = html`<p role="alert"></p>`;
  const element = html`<div class="notice bad" data-code="no_place" hidden></div>`;
  let ways = null;
  let shown = null;
  order.addEventListener("answered", show, { signal });
  draft.addEventListener("change", ({ detail }) => "source" in detail && hide(), { signal });
  several.addEventListener("change", () => several.items.length && hide(), { signal });
  return element;

  function show() {
    if (!order.placeless) return hide();
    const of = JSON.stringify([draft.body(), draft.placement.stance]);
    if (of === shown) return;
    const stand = (stance) => draft.change({ placement: { ...draft.placement, stance } });
    const dress = (scene_type) => draft.change({ scene_type });
    if (shown === null) fill(element, why, (ways = waysOut(studio, draft.source, { stand, dress, signal })).element);
    shown = of;
    element.hidden = false;
    why.textContent = whyNot(studio, order.cut);
    ways.show(draft.placement.stance, order.cut);
  }

  function hide() {
    if (element.contains(document.activeElement)) order.element.querySelector("#make").focus();
    element.hidden = true;
    shown = null;
  }
}

/** Kinds of scene that show nothing if the camera looks down. */
const ALL_BEHIND = ["neon"];

function whyNot({ draft, catalogue }, { stance: guess }) {
  const { stance } = draft.placement;
  const { kind } = catalogue.scene_types.find(({ name }) => name === draft.scene_type) ?? {};
  const above = stance === "from_above" || (stance === "auto" && guess === "lying");
  return above && ALL_BEHIND.includes(kind)
    ? "This scene needs a photo from the front. Choose a table or a flat lay."
    : "Your product does not fit this scene and sales channel. An order would fail and be refunded.";
}

/** Offers scenes that suit a product if the chosen scene does not. Dry runs find them. */

import { pictureOf } from "../order/choices.js";
import { cutOut } from "../cutout/service.js";
import { fill, html } from "../page/dom.js";
import { persisted } from "../calls/waiting.js";
import { lostWords } from "../page/words.js";
import { plannedPlace } from "./service.js";

/** Scenes to offer, and parallel dry runs. */
const MOST = 4;
const AT_ONCE = 4;
/** Kinds of scene, grouped by the ground under the product. */
const GROUNDS = ["podium niche", "tabletop window curtain sweep", "sand bokeh neon", "flatlay"];

/**
 * Return scenes that suit a photo's product with the chosen channel, most similar to the chosen scene first.
 *
 * @param {object} source {key} or {render}; its own `placement`, `stance` or `preset` replace the draft's
 */
export async function fittingScenes({ draft, catalogue }, source, signal) {
  const preset = catalogue.output_presets.find(({ name }) => name === (source.preset ?? draft.output_preset));
  const others = catalogue.scene_types.filter(({ name }) => name !== draft.scene_type);
  const allowed = others.filter(({ kind }) => preset.scene_allowed || kind === "white");
  const left = nearest(catalogue, draft.scene_type, allowed);
  const found = [];
  await cutOut(source, { signal }); // the plan of a photo has no placement before its cut-out
  while (left.length && found.length < MOST) {
    const some = left.splice(0, AT_ONCE);
    const places = await Promise.all(
      some.map(({ name }) => plannedPlace(draft, source, signal, name).catch(leftOut)),
    );
    found.push(...some.filter((_, i) => places[i]));
  }
  return found.slice(0, MOST);

  function leftOut(error) {
    if (signal.aborted || error.passing) throw error;
    return null; // the service refuses this scene
  }
}

/** Return scenes sorted by similarity to a scene: first similar ground, then similar colours. White comes last. */
function nearest({ scene_types }, name, others) {
  const chosen = scene_types.find((scene) => scene.name === name);
  const groundOf = ({ kind }) => GROUNDS.find((kinds) => kinds.includes(kind));
  const far = (scene) => {
    if (scene.kind === "white") return Infinity;
    if (!chosen) return 0;
    const ground = scene.kind === chosen.kind ? 0 : groundOf(scene) === groundOf(chosen) ? 0.1 : 0.2;
    return ground + apart(scene.palette[0], chosen.palette[0]);
  };
  return [...others].sort((one, other) => far(one) - far(other) || 0);
}

/** Return the distance of two colours, 0 to 1. */
function apart(one, other) {
  const parts = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
  const [from, to] = [parts(one), parts(other)];
  return Math.hypot(...from.map((value, i) => value - to[i])) / Math.sqrt(3);
}

/**
 * Return an element that finds and offers these scenes as pictures.
 *
 * @param {object} options `choose(scene)`: gets the chosen scene; `signal`
 */
export function fittingOffer(studio, source, { choose, signal }) {
  const words = html`<p class="hint" role="status">Looking for scenes that fit …</p>`;
  const element = html`<div class="fitting">${words}</div>`;
  const lost = (refusal) => refusal && (words.textContent = lostWords(refusal));
  const failed = (error) => signal.aborted || (words.textContent = error.message);
  persisted(() => fittingScenes(studio, source, signal), { signal, lost }).then(show, failed);
  return element;

  function show(scenes) {
    if (signal.aborted) return;
    words.textContent = scenes.length ? "" : "No scene fits this product.";
    const button = (scene) => html`
      <button class="card" type="button" title=${scene.description} onclick=${() => choose(scene)}>
        ${pictureOf(scene, studio.thumbnails[`scene-${scene.name}`])}
        <span class="card-title">${scene.title}</span>
      </button>`;
    fill(element, words, scenes.length > 0 && html`<div class="fitting-scenes">${scenes.map(button)}</div>`);
  }
}

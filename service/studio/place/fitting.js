/** Scenes of the catalogue that take a product which the chosen one does not: found by dry runs, shown as pictures. */

import { pictureOf } from "../choices.js";
import { cutOut } from "../cutout/service.js";
import { fill, html } from "../dom.js";
import { persisted } from "../waiting.js";
import { lostWords } from "../words.js";
import { plannedPlace } from "./service.js";

/** How many are offered, and how many dry runs are on their way at the same time. */
const MOST = 4;
const AT_ONCE = 4;
/** What each kind of scene has under its product. */
const GROUNDS = ["podium niche", "tabletop window curtain sweep", "sand bokeh neon", "flatlay"];

/**
 * Return the scenes in which this photo's product can be shown with the chosen channel, nearest to the chosen first.
 *
 * @param {object} source {key} or {render}; its own `placement`, `stance` or `preset` hold instead of the draft's
 */
export async function fittingScenes({ draft, catalogue }, source, signal) {
  const preset = catalogue.output_presets.find(({ name }) => name === (source.preset ?? draft.output_preset));
  const others = catalogue.scene_types.filter(({ name }) => name !== draft.scene_type);
  const allowed = others.filter(({ kind }) => preset.scene_allowed || kind === "white");
  const left = nearest(catalogue, draft.scene_type, allowed);
  const found = [];
  await cutOut(source, { signal }); // of a photo that is not cut out no place is known
  while (left.length && found.length < MOST) {
    const some = left.splice(0, AT_ONCE);
    const places = await Promise.all(
      some.map(({ name }) => plannedPlace(draft, null, signal, { source, scene: name }).catch(leftOut)),
    );
    found.push(...some.filter((_, i) => places[i]));
  }
  return found.slice(0, MOST);

  function leftOut(error) {
    if (signal.aborted || error.passing) throw error;
    return null; // this scene is refused
  }
}

/** Return scenes in the order in which they are like one: a similar ground, then similar colours. White comes last. */
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

/** Return how far two colours are apart, 0 to 1. */
function apart(one, other) {
  const parts = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
  const [from, to] = [parts(one), parts(other)];
  return Math.hypot(...from.map((value, i) => value - to[i])) / Math.sqrt(3);
}

/**
 * Return an element that offers these scenes as pictures; it looks for them by itself.
 *
 * @param {object} options `choose(scene)`: hears the one that was pressed; `signal`
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
    words.textContent = scenes.length ? "" : "None of our scenes fits.";
    const button = (scene) => html`
      <button class="card" type="button" title=${scene.description} onclick=${() => choose(scene)}>
        ${pictureOf(scene, studio.thumbnails[`scene-${scene.name}`])}
        <span class="card-title">${scene.title}</span>
      </button>`;
    fill(element, words, scenes.length > 0 && html`<div class="fitting-scenes">${scenes.map(button)}</div>`);
  }
}

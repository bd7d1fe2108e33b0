/** What helps where a product has no place in a scene: how it stands, or a scene that takes it. */

import { cutOut } from "../cutout/service.js";
import { html } from "../dom.js";
import { fittingOffer } from "./fitting.js";
import { stancesBar } from "./stances.js";

/**
 * Return both ways as an element. The photo {key} or {render} has to be cut out.
 *
 * @param {object} options `stance`: as it was asked; `stand(stance)` and `dress(scene)` hear what is chosen; `signal`
 */
export function waysOut(studio, source, { stance, stand, dress, signal }) {
  const stances = stancesBar(stand);
  stances.show(stance, null);
  cutOut(source, { signal }).then(
    (view) => stances.show(stance, view.stance),
    () => {}, // the guess stays unmarked
  );
  const scenes = fittingOffer(studio, source, { choose: dress, signal });
  return html`
    <div class="ways-out">
      <p class="label">How does your product stand?</p>${stances.element}
      <p class="label">Or take another scene</p>${scenes}
    </div>`;
}

/** A dialogue about all doubtful photos of an order. */

import { doubtful, doubtWords } from "../cutout/doubts.js";
import { answered } from "../page/confirm.js";
import { html } from "../page/dom.js";
import { cutImage } from "../page/thumbnail.js";

/**
 * Ask about `those` doubtful items among `count` pictures. Resolves to "all", "without" (leave them out) or "check"
 * (check them first).
 */
export async function askAbout(those, count, signal) {
  const [number, these] = [those.length, those.length === 1 ? "this one" : `these ${those.length}`];
  const dialog = html`
    <dialog class="ask several-ask" aria-labelledby="several-ask">
      <h2 id="several-ask">${number === 1 ? "1 cut-out" : `${number} cut-outs`} may be wrong</h2>
      <ul>${those.map((item) => asked(item, signal))}</ul>
      <form class="row" method="dialog">
        <button class="button primary" value="check" autofocus>${number === 1 ? "Check it first" : "Check them first"}</button>
        ${number < count && html`<button class="button" value="without">Leave ${these} out</button>`}
        <button class="button" value="all">${count === 1 ? "Make it" : `Make all ${count}`}</button>
      </form>
    </dialog>`;
  return (await answered(dialog, signal)) || "check";
}

function asked({ name, preview, cut }, signal) {
  const warning = cut.warnings.find((one) => doubtful({ ...cut, warnings: [one] }));
  return html`
    <li>
      <span class="several-picture">
        ${preview && html`<img class="behind" src=${preview} alt="" />`}
        ${cut.preview_url && cutImage(cut, signal)}
      </span>
      <strong>${name}</strong>
      <span class="hint">${warning ? doubtWords(warning)[0] : "It could not be cut out."}</span>
    </li>`;
}

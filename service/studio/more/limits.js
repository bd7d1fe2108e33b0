/** The choice of the limits that a paid picture must keep. */

import { html } from "../page/dom.js";
import { USUAL } from "../order/options.js";
import { radios } from "../page/radios.js";
import { choice, lastingBox } from "./controls.js";

const SETS = [
  ["none", "No limits"],
  ["standard", "Standard"],
  ["strict", "Strict"],
];
const SAYS = {
  none: "You pay for every picture that is made. Its report shows what Backdrop measured.",
  standard:
    "You pay only if the colours and the channel's rules are within limits, and the picture is probably fit to publish. Of hard photos it refuses 61 % of the pictures, and 56 % of those that pass are still wrong, so look first.",
  strict: "As Standard, but it refuses 89 %, and 18 % of those that pass are wrong. The photo must also be large enough, and Backdrop may have no doubt about the product.",
};
const OWN = "The brand's own limits apply. Otherwise your credits come back.";

/** Return the chosen limits in words. */
export const limitsWords = ({ accept }) =>
  ({ none: "No limits", strict: "Strict limits", standard: "Standard limits" })[accept] ?? "The brand's limits";

export function limitsChoice(context) {
  const { draft } = context.studio;
  const sets = radios("accept", "Pay only for pictures that pass", SETS, (accept) => draft.change({ acceptance: { accept } }));
  const about = html`<p class="hint"></p>`;
  const lasting = lastingBox(draft);
  return choice(context, {
    field: "acceptance",
    title: "Limits",
    fields: ["accept"],
    words: limitsWords,
    usual: "Standard limits again",
    body: [sets.element, about, lasting.element],
    show() {
      const { accept } = draft.acceptance;
      sets.show(accept);
      about.textContent = SAYS[accept] ?? OWN;
      lasting.show(accept !== USUAL.acceptance.accept);
    },
  });
}

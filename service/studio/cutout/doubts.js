/** What a cut-out's warnings mean, and what can be done about them here. */

import { WARNINGS } from "../words.js";

/** Remedies that the brush gives, in place of those for the next photo. */
const MENDED = {
  no_subject: [
    "Backdrop found no product.",
    "Bring it back with the brush, or photograph it in front of a plainer background.",
  ],
  low_confidence: ["The cut-out is uncertain.", "Some background may be left. Check the marked spot."],
  held_by_hand: [
    "A hand holds the product.",
    "Erase the fingers with the brush. The product then stands instead of lying.",
  ],
  several_subjects: [
    "There is more than one thing in the photo.",
    "All of it is kept. Click your product to keep it alone.",
  ],
};

/** Warnings after which a cut-out is often wrong. */
const DOUBTFUL = ["no_subject", "low_confidence", "several_subjects", "held_by_hand", "transparent_material_suspected"];

/** Return whether a cut-out should be looked at before a picture of it is ordered. */
export const doubtful = ({ product_box: box, warnings }) => !box || warnings.some(({ code }) => DOUBTFUL.includes(code));

/** Return a warning's sentence and its remedy, or null. */
export const doubtWords = ({ code, message }) => MENDED[code] ?? WARNINGS[code] ?? [message, null];

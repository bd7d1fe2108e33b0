/** The warnings of a cut-out in words, with remedies that the editor offers. */

import { WARNINGS } from "../page/words.js";

/** Texts that suggest the brush instead of another photo. */
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

/** Return whether a person should check a cut-out before ordering. */
export const doubtful = ({ product_box: box, warnings, pieces = [] }) =>
  !box || warnings.some(({ code }) => DOUBTFUL.includes(code)) || pieces.some(({ answered }) => !answered);

/** Return [sentence, remedy] for a warning; the remedy may be null. */
export const doubtWords = ({ code, message }) => MENDED[code] ?? WARNINGS[code] ?? [message, null];

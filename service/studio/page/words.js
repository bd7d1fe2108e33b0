/** Texts for the service's codes, with remedies. */

/** By the worker's name of a stage. */
const STAGES = {
  fetch: "Fetching the photo",
  decode: "Reading the photo",
  segment: "Cutting out the product",
  refine: "Cleaning its edges",
  place: "Placing the product",
  background: "Building and lighting the scene",
  shadow: "Casting the shadow",
  composite: "Putting product and scene together",
  encode: "Saving the file",
  inspect: "Checking the picture",
  store: "Storing the picture",
};

export const stageWords = (stage) => STAGES[stage] ?? "Getting ready";

/** The meaning of a warning in the first sentence, then the remedy. */
const WARNED = {
  no_subject: "Backdrop found no product. Bring it back with the brush, or photograph it before a plainer background.",
  scene_in_words:
    "Your own words describe the scene. Backdrop built the nearest scene. Choose a named one to know what you get.",
  scene_lacks: "Your own words name things that Backdrop does not draw. Leave them out, or choose a named scene.",
  mood_in_words: "Your own words describe the mood. The light may stay ordinary. Choose a named mood to set it.",
  colors_unused: "Some of your colours were not used: nothing in this sales channel or scene is painted in them.",
  brand_unknown: "There is no brand of that name. It changed nothing in this picture. Choose one of your brands.",
  low_confidence:
    "The cut-out is uncertain. Check its outline. A plainer background, or more light on the product, helps.",
  transparent_material_suspected:
    "This looks see-through, like glass. The old background may show through. Photograph it in front of an even grey.",
  several_subjects:
    "There is more than one thing in the photo. All of it is kept. To keep one, click it in the cut-out.",
  held_by_hand:
    "A hand holds the product. Erase the fingers with the brush, or put the product down for the next photo.",
  subject_touches_edge:
    "Your product is cut off in the photo, so it stays at that edge. Step back a little for the next photo.",
  scene_unsuited:
    "The scene is shown from another side, to suit your photo. If it looks wrong, say at Place how it stands.",
  placement_unsure:
    "Backdrop is not sure that all of the product stands. If it looks wrong in the scene, say at Place how it stands.",
  placement_unpins:
    "The brand's background does not fit this place, so the picture gets its own. Put the product back to keep the brand's.",
  placement_breaks_rules:
    "Placed here, the product breaks a rule of the sales channel. Move it back inside the margins.",
  frame_breaks_rules:
    "Framed like this, the product breaks a rule of the sales channel. Choose other margins or another place.",
  frame_overridden:
    "The product is cut off in the photo, so it stays at that edge. Choose a place at that edge.",
  copy_space_busy:
    "The space for your text is not calm. Make another version, choose another scene, or put a shape under the text.",
  output_breaks_rules: "The sales channel does not take this size or format. Use the channel's own.",
  no_honest_placement:
    "The product does not fit here, so the picture would fail. Move it back, or choose another scene.",
  cropped:
    "The picture crops the product, as the photo cuts it on two sides. A channel with the photo's shape shows more.",
  generator_fell_back:
    "The model's backgrounds did not suit, so Backdrop built one. Make another version, or choose another scene.",
  background_upscaled: "Your background was enlarged, so it looks softer. Use a larger picture.",
  background_busy: "Your background is busy around the product. Choose a calmer picture, or another part of it.",
  layer_moved: "A text or logo had no room there, so it was moved. Choose another place, or a smaller size.",
  layer_reduced: "A text or logo was too large, so it was made smaller. Choose a smaller size.",
  layer_left_out: "A text or logo had no room beside the product, so it was left out. Allow it over the product.",
  low_contrast: "A text is hard to read there. Use the automatic colour, or a plate behind it.",
  logo_enlarged: "The logo has too few pixels, so it looks soft. Use an SVG or a larger picture.",
  upscaled: "The photo was enlarged, so the product looks softer. Use a larger photo for this sales channel.",
  too_many_unfinished_jobs: "Too many of your pictures are being made. Wait for one to end.",
  queue_share_taken: "Too many of your pictures are waiting. Wait until one has started.",
  queue_full: "Too many pictures are waiting. Try again in a few minutes.",
};
/** The same texts as [meaning, remedy]. */
export const WARNINGS = Object.fromEntries(
  Object.entries(WARNED).map(([code, words]) => [code, words.split(/(?<=^[^.]*\.) /)]),
);
/** Whether the page shows a warning: it sends fields that have no effect on some pictures itself. */
export const isShown = (code) => code === "colors_unused" || !code.endsWith("_unused");
/** Return [meaning, remedy] of a warning; for an unknown code its name. */
export const warningWords = (code) => WARNINGS[code] ?? [`${capital(code.replaceAll("_", " "))}.`, ""];
export const capital = (words) => words.replace(/^./, (first) => first.toUpperCase());

/** Remedies of failed jobs. */
export const REMEDIES = {
  image_unreadable: "Save the photo again as JPEG, PNG or WebP, and drop the new file.",
  image_truncated: "The file ends too early. Export or copy the photo again.",
  photo_damaged: "The file has fewer pixels than it says. Export the photo again, or use another copy.",
  image_too_large: "Make the photo smaller. 6000 pixels on the longer side are enough.",
  image_too_small: "Use a larger photo, with 1500 pixels or more on the longer side.",
  no_subject: "Move closer, keep the whole product in the frame, and use a plain background.",
  subject_not_found: "Nothing stands out there. Click the middle of the product, or mend the cut-out with the brush.",
  no_honest_placement: "Use a photo of the whole product, or choose a flat lay or pure white.",
  layer_unusable: "A logo or a font of your text can't be used. Upload the logo again, or choose another font.",
  source_gone: "The photo has expired. Drop it again.",
  source_deleted: "You deleted its photo while the picture was being made. Drop the photo again.",
  model_failed: "Try again. If it fails twice, ask the person who set up Backdrop.",
  signing_failed: "The file could not be signed. Try again in a minute.",
  generator_rejected: "Make another version, or choose another scene.",
  out_of_memory: "Try again, or choose a sales channel with smaller pictures.",
  store_unavailable: "The storage did not answer. Try again in a minute.",
  time_limit: "Try again. If it takes too long twice, use a smaller photo.",
  worker_lost: "The worker stopped. Try again.",
  queue_timeout: "No worker was free for a day. Try again, or ask the person who set up Backdrop.",
  not_accepted: "Check the cut-out, choose another scene or other colours, or make it without limits.",
  cancelled: "You can make it again with the same settings.",
  internal_error: "Try again. If it fails twice, ask the person who set up Backdrop.",
};

/** Return [what happened, remedy] of a failed job. The page of a refused picture lists the limits that it missed. */
export const failureWords = ({ code, message }) => [
  code === "not_accepted" ? "The picture missed its limits, so you did not pay." : message,
  REMEDIES[code] ?? REMEDIES.internal_error,
];

/** Return the text for a Refusal while the service is away. */
export const lostWords = ({ status }) =>
  status === 0 ? "No connection. Trying again …" : "The service is busy. Trying again …";

/** By limit of a picture: [fault of a picture that misses it, remedy]. */
const LIMITS = {
  fidelity_mean: ["The product's colours differ from your photo.", "Choose a channel that takes larger files."],
  fidelity_p99: ["A part of the product differs from your photo.", "Choose a channel that takes larger files."],
  palette_mean: ["The background's colours are too far from yours.", "Choose other colours or another scene."],
  palette_worst: ["One of your colours is too far off in the background.", "Choose another colour or another scene."],
  publishable: ["The picture is probably not fit to publish.", "Look at the cut-out first, and mend it."],
  cutout_confidence: ["The cut-out is too uncertain.", "Check its outline and mend it."],
  enlargement: ["The photo was enlarged too much.", "Use a larger photo."],
};
/** Return [fault, remedy] for a limit that a picture missed. */
export function limitWords({ limit, measured, bound }) {
  const [kind, name] = limit.split(".");
  if (kind === "rules") {
    const rule = { rule: name, measured, bound, status: "fail" };
    return [`${capital(missedWords(rule))}: ${measuredWords(rule)}.`, "Choose the channel's own size, format and place."];
  }
  if (kind === "warnings") return warningWords(name);
  return LIMITS[limit] ?? [`${capital(limit.replaceAll("_", " "))} is out of its limit.`, ""];
}

const LEDGER = { grant: "Credits granted", debit: "A picture", refund: "Refund" };
export const ledgerWords = (kind) => LEDGER[kind] ?? kind;

const number = new Intl.NumberFormat("en");
/** Say that some pictures of an order are the same as others. */
export const samePictures = (count) => `${counted(count, "picture")} the same as others, made and paid once`;
export const credits = (count) => `${number.format(count)} ${Math.abs(count) === 1 ? "credit" : "credits"}`;

/** Return "1 photo" or "3 photos". */
export const counted = (count, what) => `${number.format(count)} ${what}${count === 1 ? "" : "s"}`;

/** The largest size of a photo, as shown to people. */
export const MOST_WEIGHT = "40 MB";

export function weight(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} KB`;
  return `${(bytes / 1e6).toFixed(1).replace(/\.0$/, "")} MB`;
}

export const size = (width, height) => (width ? `${width} × ${height}` : "The photo's own size");

export const FORMATS = { jpeg: "JPEG", png: "PNG", webp: "WebP", avif: "AVIF" };

const TIME = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false };
export const when = (time) => new Date(time).toLocaleString("en", TIME);

/** Return the title of a catalogue name; free text is returned unchanged. */
export const titled = (items, name) => items.find((item) => item.name === name)?.title ?? name;

/** Return words for a colour difference, CIEDE2000. */
export function differenceWords(delta) {
  if (delta <= 1) return "looks the same";
  if (delta <= 2.5) return "almost the same";
  if (delta <= 5) return "close";
  return delta <= 10 ? "slightly different" : "clearly different";
}

/**
 * Return words for the product's fidelity, from mean and 99th percentile of CIEDE2000. They cover its pixels, not its
 * outline.
 */
export function fidelityWords({ mean, p99 }) {
  if (mean === null || mean === undefined) return "The product is too small in this picture to measure.";
  if (mean > 1) return "The file limit asks for strong compression, so the product differs slightly from your photo.";
  const compressed = mean <= 0.5 && p99 <= 2 ? "" : ", apart from the file's compression";
  return `The product looks as in your photo${compressed}. Check its outline yourself.`;
}

/** By rule of a sales channel: [title, fault of a picture that breaks it]. */
const RULES = {
  size: ["Size", "the size is not the channel's"],
  min_side: ["Shortest side", "the picture is too small"],
  format: ["File format", "the file format is not the channel's"],
  bytes: ["File size", "the file is too large"],
  colour_profile: ["Colour profile", "the colour profile is not sRGB"],
  camera_metadata: ["Camera data", "the file still has camera data"],
  fill: ["Product size in the frame", "the product is too small or too large in the frame"],
  margins: ["Free margins", "the product is close to the edge"],
  enlargement: ["Enlargement", "photo was enlarged"],
  white_border: ["White border", "the border is not pure white"],
  white_background: ["White background", "the background is not pure white"],
  white_edge: ["White beside the product", "there is some grey beside the product"],
  shadow: ["Shadow", "the picture has a shadow"],
  ai_marking: ["AI label", "the AI label is missing"],
  content_credentials: ["Content credentials", "the content credentials are missing"],
  content: ["Only the product", "the picture shows more than the product"],
};
export const ruleTitle = (rule) => RULES[rule]?.[0] ?? capital(rule.replaceAll("_", " "));

/** Return the fault of a broken rule as a part of a sentence. */
export const missedWords = ({ rule }) => RULES[rule]?.[1] ?? `${ruleTitle(rule).toLowerCase()} is not met`;

const percent = (share) => `${(share * 100).toFixed(share > 0.999 && share < 1 ? 2 : 0)} %`;
const white = (share) => `${percent(share)} pure white`;
const darkest = (code) => `darkest ${code} of 255`;
const formatted = (name) => FORMATS[name] ?? name;
const SOURCES = {
  compositeWithTrainedAlgorithmicMedia: "photo with a generated part",
  trainedAlgorithmicMedia: "generated",
  compositeCapture: "put together from photographs",
};

/** Formats of the measured value and the limit of each rule. */
const MEASURED = {
  size: (sides) => `${sides.join(" × ")} px`,
  min_side: (side, least) => `${side} px, at least ${least}`,
  format: (name, allowed) => `${formatted(name)}; allowed: ${allowed.map(formatted).join(", ")}`,
  bytes: (bytes, most) => `${weight(bytes)} of ${weight(most)}`,
  colour_profile: (name) => name ?? "none",
  camera_metadata: (fields) => (fields ? `${fields} fields left` : "none in the file"),
  fill: (share, [least, most]) => `${percent(share)}, allowed: ${percent(least)} to ${percent(most)}`,
  margins: (shares) => shares.map(percent).join(", "),
  enlargement: (scale) => (scale > 1.001 ? `enlarged ${scale.toFixed(2)} times` : `none, reduced to ${percent(scale)}`),
  white_border: white,
  white_background: white,
  white_edge: darkest,
  shadow: (code, bound) => (bound === "soft" ? "soft" : code === 255 ? "none" : darkest(code)),
  ai_marking: (source) => SOURCES[source] ?? source ?? "not needed",
};

/** Return the measured value for a rule in words. */
export function measuredWords({ rule, measured, bound, status }) {
  if (status === "unchecked") return `${bound} Check this yourself.`;
  if (Object.hasOwn(MEASURED, rule)) return MEASURED[rule](measured, bound);
  return Array.isArray(measured) ? measured.join(", ") : String(measured ?? "–");
}

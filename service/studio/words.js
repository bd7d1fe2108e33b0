/** What the service's codes mean, in words for a person, and what can be done. */

/** The stages of a job in order, as the worker names them. */
export const STAGES = [
  ["fetch", "Fetching the photo"],
  ["decode", "Reading the photo"],
  ["segment", "Cutting the product out"],
  ["refine", "Cleaning its edges"],
  ["place", "Finding its place"],
  ["background", "Building and lighting the scene"],
  ["shadow", "Casting its shadow"],
  ["composite", "Laying the product in"],
  ["encode", "Saving the file"],
  ["inspect", "Measuring the result"],
  ["store", "Putting it into your store"],
];

export const stageWords = (stage) => STAGES.find(([name]) => name === stage)?.[1] ?? "Getting ready";

/** What a warning means, and the remedy. */
export const WARNINGS = {
  scene_in_words: [
    "The scene is in your own words.",
    "The studio built the nearest of its scenes. Choose a named one to know beforehand what you get.",
  ],
  mood_in_words: [
    "The mood is in your own words.",
    "Without a network that reads them the light is an ordinary one. A named mood sets it.",
  ],
  colors_unused: ["Your colours were not used.", "This sales channel or scene has a background without colours."],
  brand_unknown: ["There was no brand of that name.", "It changed nothing in this picture. Choose one of yours."],
  low_confidence: [
    "We are not sure of the cut-out.",
    "Look at the outline. A plainer backdrop, or more light between product and backdrop, helps.",
  ],
  transparent_material_suspected: [
    "This looks like glass or another see-through material.",
    "The old background may shimmer through. Photograph it before a light, even grey.",
  ],
  several_subjects: [
    "There seems to be more than one thing in the photo.",
    "All of it was kept. Crop the photo to the product if that was not meant.",
  ],
  held_by_hand: [
    "A hand holds the product.",
    "Fingers may be left on it, or missing from it, and it lies where it would stand. Put it down for the next photo.",
  ],
  subject_touches_edge: [
    "Your product is cut off in the photo, so it stays at that edge.",
    "Step back a little for the next photo.",
  ],
  scene_unsuited: [
    "The scene is shown from the angle that suits the product.",
    "Seen from above it lies on the scene's surface; seen from the side it stands on a flat lay's as on a table.",
  ],
  placement_unsure: [
    "The photo does not tell whether the product stands or lies.",
    "The scene is shown as you asked. If the product looks wrong there, choose a flat lay, or a white background.",
  ],
  cropped: [
    "This picture cuts off a part of the product that the photo shows.",
    "The photo cuts it on two sides. A sales channel whose pictures have the photo's shape shows more of it.",
  ],
  generator_fell_back: [
    "The model's backgrounds did not suit, so a background was composed.",
    "Try another seed, or another scene.",
  ],
  upscaled: [
    "The photo is smaller than this sales channel asks for.",
    "The product was enlarged and looks softer than it could. Send a larger photo.",
  ],
};

/** What to do about a job that failed. */
export const REMEDIES = {
  image_unreadable: "Save the photo again as JPEG, PNG or WebP, and drop the new file.",
  image_truncated: "The file ends early, as a download or a copy that broke off does. Export or copy the photo again.",
  photo_damaged: "The file has fewer pixels than it says. Export the photo again, or drop another copy.",
  image_too_large: "Make the photo smaller: 6000 pixels on the longer side are more than enough.",
  image_too_small: "Send a larger photo; 1500 pixels or more on the longer side are a good start.",
  no_subject: "Near, whole, and apart from what is behind it: so a product is found best.",
  subject_not_found: "Nothing stands out there. Click the middle of the product, or mend the cut-out with the brush.",
  no_honest_placement: "A photo of the whole product fits more scenes. This one fits a flat lay or pure white.",
  source_gone: "The photo has expired here. Drop it again.",
  model_failed: "Try again; if it fails twice, tell the person who set up Backdrop.",
  generator_rejected: "Try another seed or another scene.",
  out_of_memory: "Try again, or choose a sales channel with smaller pictures.",
  store_unavailable: "The store was away for a while. Try again in a minute.",
  time_limit: "Try again. If it takes too long twice, send a smaller photo.",
  worker_lost: "Something stopped our worker. Try again.",
  source_deleted: "Its photo was deleted, so it was stopped. The credits are back.",
  queue_timeout: "No worker was free for a day. Try again, or tell the person who set up Backdrop.",
  cancelled: "You stopped it. Nothing was lost: the same settings are a click away.",
  internal_error: "Try again; if it fails twice, tell the person who set up Backdrop.",
};

/** What is said while the service is away, of the refusal that says so. */
export const lostWords = ({ status }) =>
  status === 0 ? "No connection. Trying again …" : "The service is busy. Trying again …";

const LEDGER = { grant: "Credits granted", debit: "A picture", refund: "Given back" };
export const ledgerWords = (kind) => LEDGER[kind] ?? kind;

const number = new Intl.NumberFormat("en");
export const credits = (count) => `${number.format(count)} ${Math.abs(count) === 1 ? "credit" : "credits"}`;

/** "1 photo", "3 photos". */
export const counted = (count, what) => `${number.format(count)} ${what}${count === 1 ? "" : "s"}`;

/** What a photo may weigh, as it is said everywhere. */
export const MOST_WEIGHT = "40 MB";

export function weight(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} KB`;
  return `${(bytes / 1e6).toFixed(1).replace(/\.0$/, "")} MB`;
}

export const size = (width, height) => (width ? `${width} × ${height}` : "The photo's own size");

export const FORMATS = { jpeg: "JPEG", png: "PNG", webp: "WebP", avif: "AVIF" };

export function when(time) {
  return new Date(time).toLocaleString("en", {
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    hour12: false,
  });
}

/** A name of the catalogue as its title, free text as it is. */
export const titled = (items, name) => items.find((item) => item.name === name)?.title ?? name;

/** What a difference of colours, CIEDE2000, looks like. */
export function differenceWords(delta) {
  if (delta <= 1) return "the same to the eye";
  if (delta <= 2.5) return "hardly to be told apart";
  if (delta <= 5) return "near";
  if (delta <= 10) return "a shade away";
  return "clearly another colour";
}

/** How true the product is, from the mean and 99th percentile of CIEDE2000. */
export function fidelityWords({ mean, p99 }) {
  if (mean === null || mean === undefined) return "The product is too small in this picture to be measured.";
  // Of the pixels that were cut out; whether the outline is right, these figures do not know.
  if (mean <= 0.5 && p99 <= 2) return "What was cut out looks as in your photo. Look at its outline yourself.";
  if (mean <= 1)
    return "What was cut out looks as in your photo, but for the file's compression. Look at its outline yourself.";
  return "The file had to be pressed hard to fit its limit: the product differs a little from your photo.";
}

const RULES = {
  size: "Size",
  min_side: "Shortest side",
  format: "Format",
  bytes: "Weight",
  colour_profile: "Colour profile",
  camera_metadata: "Camera data",
  fill: "Product in the frame",
  margins: "Free margins",
  enlargement: "Not enlarged",
  white_border: "White border",
  white_background: "White background",
  white_edge: "White beside the product",
  shadow: "Shadow",
  ai_marking: "Marked as made with AI",
  content_credentials: "Content credentials",
  content: "Nothing but the product",
};
export const ruleTitle = (rule) =>
  RULES[rule] ?? rule.replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase());

const percent = (share) => `${(share * 100).toFixed(share > 0.999 && share < 1 ? 2 : 0)} %`;
const SOURCES = {
  compositeWithTrainedAlgorithmicMedia: "photo with a generated part",
  trainedAlgorithmicMedia: "generated",
  compositeCapture: "put together from photographs",
};

/** What was measured for a rule of a channel, in words. */
export function measuredWords({ rule, measured, bound, status }) {
  if (status === "unchecked") return `${bound} A person has to look.`;
  switch (rule) {
    case "size":
      return `${measured.join(" × ")} px`;
    case "min_side":
      return `${measured} px, at least ${bound}`;
    case "format":
      return `${FORMATS[measured] ?? measured}; taken: ${bound.map((one) => FORMATS[one] ?? one).join(", ")}`;
    case "bytes":
      return `${weight(measured)} of ${weight(bound)}`;
    case "colour_profile":
      return measured ?? "none";
    case "camera_metadata":
      return measured ? `${measured} fields left` : "none left in the file";
    case "fill":
      return `${percent(measured)}, ${percent(bound[0])} to ${percent(bound[1])} asked`;
    case "margins":
      return measured.map(percent).join(", ");
    case "enlargement":
      return measured > 1.001 ? `enlarged ${measured.toFixed(2)} times` : `shown at ${percent(measured)} of its pixels`;
    case "white_border":
    case "white_background":
      return `${percent(measured)} pure white`;
    case "white_edge":
      return `darkest ${measured} of 255`;
    case "shadow":
      return bound === "soft" ? "a soft one" : measured === 255 ? "none" : `darkest ${measured} of 255`;
    case "ai_marking":
      return SOURCES[measured] ?? measured ?? "not needed";
    default:
      return Array.isArray(measured) ? measured.join(", ") : String(measured ?? "–");
  }
}

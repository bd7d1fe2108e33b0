/** A picture's options besides photo, scene and colours. One record here, from which the API's query is made. */

/** The placement of preset and scene: shifts as shares of the picture, a factor, degrees clockwise, a guessed stance. */
export const UNMOVED = Object.freeze({ shift_x: 0, shift_y: 0, scale: 1, turn: 0, stance: "auto" });
/** The default dressing of a scene: its own props, and colours where Backdrop puts them. */
export const AS_SCENE = Object.freeze({ props: "scene", colors_on: "" });
/** By field of the draft: the API's parameters with their defaults. `layers` is a list here, and JSON in a query. */
export const USUAL = Object.freeze({
  ground: Object.freeze({
    background: "scene",
    background_color: "",
    background_image: "",
    background_render: "",
    background_fit: "cover",
    background_x: 0.5,
    background_y: 0.5,
    background_zoom: 1,
  }),
  shadow: Object.freeze({ shadow: "scene", shadow_strength: null, shadow_softness: null, shadow_direction: null }),
  frame: Object.freeze({ margins: "", align: "preset", copy_space: "none" }),
  lettering: Object.freeze({ layers: Object.freeze([]) }),
  /** Sent with each paid picture, never with a preview. */
  acceptance: Object.freeze({ accept: "standard" }),
});
/** The fields in USUAL that change the picture. A change of one keeps the scene's seed. */
export const FIELDS = Object.keys(USUAL).filter((field) => field !== "acceptance");
const ALL = Object.assign({}, ...Object.values(USUAL));
/** The parameters that matter for each background; another one may hold the choice of a moment ago. */
const PICTURE = ["background_image", "background_fit", "background_x", "background_y", "background_zoom"];
const GROUNDS = {
  scene: [],
  color: ["background_color"],
  image: PICTURE,
  reference: ["background_image"],
  render: ["background_render"],
};

/** Whether a background is a scene. */
export const showsScene = (background = "scene") => ["scene", "reference"].includes(background);

/** Return what a ground still lacks, in words; null: nothing. */
export const lacking = ({ background, ...ground }) => {
  const [first] = GROUNDS[background];
  const asks = { background_color: "choose a colour", background_image: "add a picture", background_render: "choose a picture" };
  return first && !ground[first] ? asks[first] : null;
};

/** Return a ground's parameters; a scene's as long as its colour or picture is missing. */
export function groundOf(ground) {
  if (ground.background === "scene" || lacking(ground)) return {};
  const names = ["background", ...GROUNDS[ground.background]];
  return changed(Object.fromEntries(names.map((name) => [name, ground[name]])));
}

/** Return the parameters that differ from their defaults, `layers` as JSON. */
export function changed(options) {
  const different = Object.entries(options).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(ALL[name]));
  return Object.fromEntries(different.map(([name, value]) => [name, name === "layers" ? JSON.stringify(value) : value]));
}

/** Return options by their API names, as of a brand or an earlier order, as fields of a draft. */
export function fieldsOf(options) {
  const found = {};
  for (const [field, usual] of Object.entries(USUAL)) {
    const own = Object.keys(usual).map((name) => [name, options[name] ?? usual[name]]);
    found[field] = Object.fromEntries(own);
  }
  found.lettering.layers = layersOf(found.lettering.layers);
  return found;
}

/** Return the limits of an earlier order; `own` if it had none: going without holds for that one picture. */
export const limitsOf = (acceptance, own) => ([undefined, null, "", "none"].includes(acceptance?.accept) ? own : acceptance);

/** Return how the dressing of a render differs from its order: its limits may have led to a scene without props. */
export function dressedLike({ seed, report }) {
  const tries = report.acceptance?.tries ?? [];
  return tries.some((one) => one.changed === "ground" && one.seed === seed) ? { props: "none" } : {};
}

function layersOf(layers) {
  if (Array.isArray(layers)) return layers;
  try {
    const read = JSON.parse(layers || "[]");
    return Array.isArray(read) ? read : [];
  } catch {
    return []; // a template of the catalogue
  }
}

/** Return an earlier order's options for a paid picture, as the API lists them in its records; `own`: see `limitsOf`. */
export const optionsOf = ({ dressing, ground, shadow, frame, lettering, acceptance }, own) => ({
  ...AS_SCENE,
  ...dressing,
  ...limitsOf(acceptance, own),
  ...changed({ ...ground, ...shadow, ...frame }),
  ...(lettering?.layers ? { layers: lettering.layers } : {}),
});

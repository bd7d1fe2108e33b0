/** The current choices: photo, scene, mood, colours, channel. Kept in the tab, so a reload loses nothing. */

import { AS_SCENE, UNMOVED, USUAL, changed, fieldsOf, groundOf, limitsOf, showsScene } from "./options.js";
import { keep, kept } from "../calls/session.js";

const DRAFT = "backdrop-draft";
export const MOST_COLOURS = 6;

/** Limits of a person's placement. */
export const MOST_SHIFT = 0.5;
export const SCALES = [0.3, 2];
export const MOST_TURN = 45;

/** Defaults, if the catalogue has them. */
const FIRST = { scene_type: "podium", mood: "natural", output_preset: "shopify_product" };

/** The fields that undo covers, with their names for people. */
const UNDOABLE = {
  scene_type: "Scene",
  mood: "Mood",
  colours: "Colours",
  colors_on: "Colours",
  props: "Props",
  output_preset: "Sales channel",
  also: "Sales channel",
  placement: "Place",
  ground: "Background",
  shadow: "Shadow",
  frame: "Frame",
  lettering: "Text and logos",
  acceptance: "Limits",
  brand: "Brand",
};
/** Changes kept for undo; milliseconds in which changes of the same field count as one. */
const MOST_PAST = 30;
const ONE_CHANGE = 1000;

/** Fires `change` with the changed fields in `detail`. */
export class Draft extends EventTarget {
  /** The values before each change, oldest first: {before, name, at}. */
  #past = kept(DRAFT)?.past ?? [];
  /** The client's brands, whose options the API fills in where a request leaves them out. */
  brands = [];

  /** @param {object} catalogue scene_types, moods and output_presets as the API lists them */
  constructor(catalogue) {
    super();
    this.catalogue = catalogue;
    const first = (list, name) => (list.find((item) => item.name === name) ?? list[0])?.name;
    Object.assign(this, {
      /** {key} or {render}, with {name, reference, preview, width, height, bytes}; null: none yet. */
      source: null,
      scene_type: first(catalogue.scene_types, FIRST.scene_type),
      mood: first(catalogue.moods, FIRST.mood),
      colours: [],
      output_preset: first(catalogue.output_presets, FIRST.output_preset),
      /** The scene's props: "scene" (its own), "few" or "none". */
      props: AS_SCENE.props,
      /** Colours locked to a surface of the scene: {wall: "#f4ead9"}. */
      colors_on: {},
      /** Further sales channels, each with a picture of its own. */
      also: [],
      brand: null,
      /** The seed kept for "same background"; null: a new one. */
      seed: null,
      /** Whether limits and an earlier picture's background hold for the next photos too. */
      lasting: false,
      ...kept(DRAFT),
      placement: { ...UNMOVED, ...kept(DRAFT)?.placement },
      /** Background, shadow, frame, text and limits: each a record of USUAL. */
      ...Object.fromEntries(Object.keys(USUAL).map((field) => [field, { ...USUAL[field], ...kept(DRAFT)?.[field] }])),
    });
    if (!this.preset) this.output_preset = first(catalogue.output_presets, FIRST.output_preset);
  }

  get preset() {
    return this.catalogue.output_presets.find((item) => item.name === this.output_preset);
  }

  /** The main channel and the further ones: each gets one picture. */
  get presets() {
    const also = this.catalogue.output_presets.filter(({ name }) => this.also.includes(name));
    return [this.preset, ...also.filter((item) => item !== this.preset)];
  }

  /** Whether the channel allows the white scene only, and another was chosen. */
  get forbidden() {
    return !this.preset.scene_allowed && this.scene_type !== "white";
  }

  /** Whether the background is no scene: a colour, a picture, or an earlier one. */
  get sceneless() {
    return !showsScene(this.grounded().background);
  }

  /** Whether the background is white or one plain colour, which is the same for every seed. */
  get plain() {
    const { background = "scene" } = this.grounded();
    return background === "color" || (background === "scene" && this.scene_type === "white");
  }

  /** Whether the placement differs from the default. */
  get moved() {
    return Object.entries(UNMOVED).some(([name, value]) => this.placement[name] !== value);
  }

  /** The changes that end what was chosen for the photo on the stage only. */
  get ended() {
    const ground = this.ground.background === "render" ? { ground: USUAL.ground } : {};
    return this.lasting ? {} : { ...ground, acceptance: USUAL.acceptance };
  }

  /** Apply changes. A new photo resets the placement and the seed. */
  change(changes) {
    const detail = "source" in changes ? { placement: UNMOVED, seed: null, ...changes } : changes;
    this.#remember(detail);
    this.#become(detail);
  }

  /** Change a field that another choice made impossible; undo brings it back with that choice. */
  settle(changes) {
    this.#become(changes);
  }

  /** The name of the change that `undo` reverts; null: none. */
  get last() {
    return this.#past.at(-1)?.name ?? null;
  }

  /** Revert the last change, but never the photo. The seed returns as well, so that earlier previews apply again. */
  undo() {
    const { before } = this.#past.pop();
    this.#become(before);
  }

  #remember(detail) {
    if ("source" in detail) {
      // A placement and a seed belong to their photo.
      const past = this.#past.filter(({ before }) => !("placement" in before));
      return void (this.#past = past.map((one) => ({ ...one, before: { ...one.before, seed: null } })));
    }
    const changed = Object.keys(UNDOABLE).filter(
      (field) => field in detail && JSON.stringify(detail[field]) !== JSON.stringify(this[field]),
    );
    if (!changed.length) return;
    const name = UNDOABLE[changed.includes("brand") ? "brand" : changed[0]];
    const before = Object.fromEntries([...changed, "seed", "colors_on"].map((field) => [field, this[field]]));
    const [last, at] = [this.#past.at(-1), Date.now()];
    const same = last && at - last.at < ONE_CHANGE && Object.keys(last.before).join() === Object.keys(before).join();
    if (same) last.at = at;
    else this.#past = [...this.#past, { before, name, at }].slice(-MOST_PAST);
  }

  #become(detail) {
    Object.assign(this, detail);
    this.#keep();
    this.dispatchEvent(new CustomEvent("change", { detail }));
  }

  /**
   * Return the body of a request.
   *
   * In a tray of photos, each photo is the `source`, {key} or {render}. A `preset` in it replaces the channel, and the
   * scene becomes white if that channel allows no other. A `scene` in it replaces the scene.
   */
  body(source = this.source) {
    const { brand } = this;
    const preset = presetOf(this, source);
    const bare = preset !== this.preset && !preset.scene_allowed;
    return {
      ...(source?.render ? { source_render_public_id: source.render } : { source_image_s3_key: source?.key ?? null }),
      scene_type: bare ? "white" : (source?.scene ?? this.scene_type.trim()),
      mood: this.mood.trim(),
      dominant_colors: this.colours,
      output_preset: preset.name,
      ...(brand ? { pilot_brand: brand } : {}),
    };
  }

  /** Return the scene's dressing as query parameters; white has none. */
  dressing(source = this.source) {
    if (this.forbidden || source?.scene || this.body(source).scene_type === "white") return AS_SCENE;
    const on = Object.entries(this.colors_on).map(([surface, colour]) => `${surface}:${colour}`);
    return { props: this.props, colors_on: on.join() };
  }

  /** Return the parameters for what is behind the product; {} where the channel takes no scene. */
  grounded(source = this.source) {
    return presetOf(this, source).scene_allowed ? groundOf(this.ground) : {};
  }

  /** Return the parameters of shadow, frame and layers. A white picture may have no layers. */
  laid(source = this.source) {
    const bare = presetOf(this, source).background === "white";
    return changed({ ...this.shadow, ...this.frame, layers: bare ? [] : this.lettering.layers });
  }

  /** Return the options of a paid picture: all of a preview's, and its limits. */
  paid(source = this.source) {
    return { ...this.options(source), ...this.acceptance };
  }

  /** Return all options as query parameters, but for the limits. Those that the brand sets are sent even if they have their default. */
  options(source = this.source) {
    const given = this.brands.find(({ name }) => name === this.brand)?.options ?? {};
    const named = Object.keys(given).map((name) => [name, { ...this.shadow, ...this.frame, ...this.ground }[name]]);
    const forced = Object.fromEntries(named.filter(([, value]) => value !== undefined && value !== null && value !== ""));
    if (given.layers && !this.lettering.layers.length) forced.layers = "[]";
    return { ...forced, ...this.dressing(source), ...this.grounded(source), ...this.laid(source) };
  }

  /** Adopt the choices of an earlier request. Its placement belongs to its photo. */
  from(asked) {
    this.change(choicesOf(asked, this.acceptance));
  }

  /** Return a read-only draft with the choices of an earlier request. */
  like(asked) {
    return Object.assign(Object.create(this), choicesOf(asked, this.acceptance));
  }

  #keep() {
    const fields = ["source", "seed", "lasting", ...Object.keys(UNDOABLE)].map((field) => [field, this[field]]);
    const whole = { ...Object.fromEntries(fields), past: this.#past };
    // If storage is full, leave out the preview; the store has the photo itself.
    if (!keep(DRAFT, whole)) keep(DRAFT, { ...whole, source: this.source && { ...this.source, preview: null } });
  }
}

/** Return the channel of a photo. No private method, which a draft from `like` would lack. */
const presetOf = ({ catalogue, preset }, source) =>
  catalogue.output_presets.find(({ name }) => name === source?.preset) ?? preset;

/** Return an earlier order, {request, dressing, ground, …}, as fields of a draft. */
function choicesOf(asked, limits) {
  const { request, dressing = AS_SCENE } = asked;
  const on = dressing.colors_on.split(",").filter(Boolean);
  return {
    scene_type: request.scene_type,
    mood: request.mood,
    colours: [...request.dominant_colors],
    props: dressing.props,
    colors_on: Object.fromEntries(on.map((entry) => entry.split(":"))),
    output_preset: request.output_preset,
    also: [],
    brand: request.pilot_brand ?? null,
    ...fieldsOf({ ...asked.ground, ...asked.shadow, ...asked.frame, ...asked.lettering, ...limitsOf(asked.acceptance, limits) }),
  };
}

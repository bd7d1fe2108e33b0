/** What is being put together: photo, scene, mood, colours, channel. Kept in the tab, so a reload loses nothing. */

import { keep, kept } from "./session.js";

const DRAFT = "backdrop-draft";
export const MOST_COLOURS = 6;

/** Where the preset and the scene put the product: shares of the picture, a factor, degrees clockwise, our guess. */
export const UNMOVED = Object.freeze({ shift_x: 0, shift_y: 0, scale: 1, turn: 0, stance: "auto" });
/** How far it can be moved from there. */
export const MOST_SHIFT = 0.5;
export const SCALES = [0.3, 2];
export const MOST_TURN = 45;

/** How a scene is dressed where nothing else is asked: with its own props, and each colour where Backdrop puts it. */
export const AS_SCENE = Object.freeze({ props: "scene", colors_on: "" });

/** Asked for where nothing was chosen yet, as far as the catalogue has it. */
const FIRST = { scene_type: "podium", mood: "natural", output_preset: "shopify_product" };

/** What can be taken back, as people call it. */
const UNDOABLE = {
  scene_type: "Scene",
  mood: "Mood",
  colours: "Colours",
  colors_on: "Colours",
  props: "Props",
  output_preset: "Sales channel",
  also: "Sales channels",
  placement: "Place",
  brand: "Brand",
};
/** Changes that are kept to be taken back; and milliseconds in which those of one field count as one. */
const MOST_PAST = 30;
const ONE_CHANGE = 1000;

/** Fires `change` with what has changed in `detail`. */
export class Draft extends EventTarget {
  /** What was before each change, {before, name, at}, the last at the end. */
  #past = kept(DRAFT)?.past ?? [];

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
      /** Which props the scene has: "scene" (its own), "few" or "none". */
      props: AS_SCENE.props,
      /** The colours that are locked to a surface of the scene: {wall: "#f4ead9"}. */
      colors_on: {},
      /** Sales channels, beside that one, for which a picture is made at the same time. */
      also: [],
      brand: null,
      /** The seed that is kept for "same background"; null: a new one. */
      seed: null,
      ...kept(DRAFT),
      placement: { ...UNMOVED, ...kept(DRAFT)?.placement },
    });
    if (!this.preset) this.output_preset = first(catalogue.output_presets, FIRST.output_preset);
  }

  get preset() {
    return this.catalogue.output_presets.find((item) => item.name === this.output_preset);
  }

  /** The channel and those beside it: one picture is made for each. */
  get presets() {
    const also = this.catalogue.output_presets.filter(({ name }) => this.also.includes(name));
    return [this.preset, ...also.filter((item) => item !== this.preset)];
  }

  /** Whether the channel allows no scene but white, and another was chosen. */
  get forbidden() {
    return !this.preset.scene_allowed && this.scene_type !== "white";
  }

  /** Whether the product stands elsewhere than where it is put. */
  get moved() {
    return Object.entries(UNMOVED).some(([name, value]) => this.placement[name] !== value);
  }

  /** Another photo's product stands where it is put. */
  change(changes) {
    const detail = "source" in changes ? { placement: UNMOVED, ...changes } : changes;
    this.#remember(detail);
    this.#become(detail);
  }

  /** Change what a choice has made impossible: it comes back with what was chosen before. */
  settle(changes) {
    this.#become(changes);
  }

  /** What `undo` takes back, in a word; null: nothing. */
  get last() {
    return this.#past.at(-1)?.name ?? null;
  }

  /** Take the last change back; another photo stays. Its background comes back with it, so that its looks are good. */
  undo() {
    const { before } = this.#past.pop();
    this.#become(before);
  }

  #remember(detail) {
    // Where a product was belongs to its photo.
    if ("source" in detail) return void (this.#past = this.#past.filter(({ before }) => !("placement" in before)));
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
   * Return the body of a request for it. Of several photos each is a source of its own, {key} or {render}; with a
   * `preset` it is for that channel, without the scene where that takes none; with a `scene` it is in that one.
   */
  body(source = this.source) {
    const { brand } = this;
    const preset = this.catalogue.output_presets.find(({ name }) => name === source?.preset) ?? this.preset;
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

  /** Return how the scene of a request for it is dressed, as the query has it; white has nothing to dress. */
  dressing(source = this.source) {
    if (this.forbidden || source?.scene || this.body(source).scene_type === "white") return AS_SCENE;
    const on = Object.entries(this.colors_on).map(([surface, colour]) => `${surface}:${colour}`);
    return { props: this.props, colors_on: on.join() };
  }

  /** Take over what an earlier request asked; its placement belongs to its photo. */
  from(asked) {
    this.change(choicesOf(asked));
  }

  /** Return a draft that asks what an earlier request asked, to be read only. */
  like(asked) {
    return Object.assign(Object.create(this), choicesOf(asked));
  }

  #keep() {
    const fields = ["source", "seed", ...Object.keys(UNDOABLE)].map((field) => [field, this[field]]);
    const whole = { ...Object.fromEntries(fields), past: this.#past };
    // A preview that finds no room is left out; the photo itself lies in the store.
    if (!keep(DRAFT, whole)) keep(DRAFT, { ...whole, source: this.source && { ...this.source, preview: null } });
  }
}

/** What an earlier order asked, {request, dressing}, as fields of a draft. */
function choicesOf({ request, dressing = AS_SCENE }) {
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
  };
}

/** The choice of what is behind the product: a scene, a colour, a picture, or an earlier background. */

import { ask } from "../calls/api.js";
import { EXAMPLES, toHex, unknownColour } from "../order/colours.js";
import { fill, html, icon, say, styled } from "../page/dom.js";
import { liveFigure } from "../looks/live.js";
import { lacking } from "../order/options.js";
import { radios } from "../page/radios.js";
import { renderImage } from "../page/thumbnail.js";
import { titled } from "../page/words.js";
import { choice, lastingBox, slide } from "./controls.js";
import { pictureField, pictureOf } from "./picture.js";
import { sketch } from "./sketch.js";

const KINDS = [
  ["scene", "Scene"],
  ["color", "Plain colour"],
  ["image", "My picture"],
  ["reference", "Like a picture"],
  ["render", "Earlier picture"],
];
const SAYS = {
  scene: "Backdrop builds the scene that you choose above.",
  color: "One flat colour, with the product's shadow on it.",
  image: "Your product in front of your own picture, with its shadow.",
  reference: "Backdrop builds a scene with the colours, the light and the view of your picture.",
  render: "The same background as in a picture that you made before.",
};
const FITS = [
  ["cover", "Fill"],
  ["contain", "Show all of it"],
  ["position", "Enlarge"],
];
const MOST_ZOOM = 4;
/** Shares of the picture that an arrow key moves, and steps of the zoom slider that double the size. */
const STEP = 0.02;
const OCTAVE = 50;
const PLAIN = ["#ffffff", "#f2f0ec", "#d9d9d9", "#1b1b1b"];

/** Return the chosen background in words. */
export const groundWords = ({ background, background_color: colour }) =>
  `${Object.fromEntries(KINDS)[background]} ${background === "color" ? colour : ""}`.trim();

export function backgroundChoice(context) {
  const { studio, live, signal } = context;
  const { draft, looks, catalogue } = studio;
  const change = (changes) => draft.change({ ground: { ...draft.ground, ...changes } });
  const kinds = radios("background", "Behind the product", KINDS, (background) => change({ background }));
  const about = html`<p class="hint"></p>`;
  const parts = { color: colourField(), image: pictureParts(), reference: referenceParts(), render: rendersField() };
  const missing = html`<p class="notice" hidden></p>`;
  return choice(context, {
    field: "ground",
    title: "Background",
    fields: [
      ...["background", "background_color", "background_image", "background_render"],
      ...["background_fit", "background_x", "background_y", "background_zoom"],
    ],
    words: groundWords,
    usual: "Use a scene again",
    body: [kinds.element, about, Object.values(parts).map(({ element }) => element), missing, liveFigure({ looks, draft }, live, signal)],
    show,
  });

  function show() {
    const { background } = draft.ground;
    kinds.show(background);
    about.textContent = SAYS[background];
    for (const [name, part] of Object.entries(parts)) {
      part.element.hidden = name !== background;
      if (name === background) part.show();
    }
    const lacks = lacking(draft.ground);
    missing.textContent = `To go on, ${lacks}.`;
    missing.hidden = !lacks;
    const bare = !draft.preset.scene_allowed && background !== "scene";
    if (!bare) return;
    missing.hidden = false;
    missing.textContent = `${draft.preset.title} takes no other background. Choose another sales channel to use this.`;
  }

  function colourField() {
    const put = (colour) => change({ background_color: colour });
    const pick = html`
      <input type="color" aria-label="Pick the background's colour" onchange=${() => put(pick.value)} />`;
    const wrong = html`<p class="error" id="ground-colour-error" role="alert"></p>`;
    const text = html`
      <input id="ground-colour" class="text" autocomplete="off" spellcheck="false" placeholder=${EXAMPLES}
        aria-describedby="ground-colour-error" onchange=${write} />`;
    const chips = html`<div class="row"></div>`;
    const element = html`
      <div class="part">
        <label class="label" for="ground-colour">Colour</label>
        <div class="row">${pick}${text}</div>${wrong}${chips}
      </div>`;
    return { element, show: refresh };

    function write() {
      const hex = text.value.trim() ? toHex(text.value) : "";
      wrong.textContent = hex === null ? unknownColour(text.value) : "";
      text.toggleAttribute("aria-invalid", hex === null);
      if (hex !== null) put(hex);
    }

    function refresh() {
      const { background_color: colour } = draft.ground;
      pick.value = colour || PLAIN[1];
      if (document.activeElement !== text) text.value = colour;
      const scene = catalogue.scene_types.find(({ name }) => name === draft.scene_type)?.palette ?? [];
      const all = [...new Set([...(draft.colours.length ? draft.colours : scene), ...PLAIN])];
      if (chips.dataset.all === all.join()) return; // a pressed chip keeps its focus
      chips.dataset.all = all.join();
      fill(chips, all.map((one) => html`
        <button class="chip" aria-label="Use ${one}" title=${one} onclick=${() => put(one)}>
          ${styled(html`<span class="swatch"></span>`, { "--colour": one })}
        </button>`));
    }
  }

  function pictureParts() {
    const seen = sketch(context);
    const sheet = seen.element;
    sheet.classList.add("movable");
    const grip = html`
      <span class="sketch-grip" tabindex="0" role="application"
        aria-label="The part of the picture that you see. Arrow keys move it." onkeydown=${pressed}></span>`;
    sheet.append(grip);
    const fits = radios("background_fit", "How it fills the picture", FITS, (background_fit) => change({ background_fit }));
    const zoom = slide("background_zoom", "Size", { min: 0, max: OCTAVE * Math.log2(MOST_ZOOM), step: 1 }, (value) =>
      change({ background_zoom: Number((2 ** (value / OCTAVE)).toFixed(3)) }),
    );
    const moves = html`<p class="hint"></p>`;
    const field = imageField("ground-image", "Choose a picture …");
    const placing = html`<div class="part">${sheet}${moves}${fits.element}${zoom.element}</div>`;
    dragged(sheet);
    return { element: html`<div class="part">${placing}${field.element}</div>`, show: refresh };

    function refresh() {
      field.show();
      const { background_image: key, background_fit: fit, background_zoom: by } = draft.ground;
      placing.hidden = !key;
      moves.hidden = grip.hidden = !pictureOf(key);
      grip.hidden ||= fit === "contain";
      moves.textContent =
        fit === "contain" ? "Where it ends, its edges go on, blurred." : "Drag the picture to choose the part that you see.";
      sheet.hidden = !pictureOf(key);
      fits.show(fit);
      zoom.element.hidden = fit !== "position";
      zoom.show(Math.round(OCTAVE * Math.log2(by)), `${Math.round(100 * by)} %`);
    }

    function pressed(event) {
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!by) return;
      event.preventDefault();
      point(draft.ground.background_x + by[0] * STEP, draft.ground.background_y + by[1] * STEP);
      const { background_x: x, background_y: y } = draft.ground;
      say(`${Math.round(100 * x)} % from the left, ${Math.round(100 * y)} % from the top.`);
    }

    function point(x, y) {
      const [wide, tall] = seen.size();
      const within = (value, size) => Number(Math.min(1 - 0.5 / size, Math.max(0.5 / size, value)).toFixed(3));
      change({ background_x: wide > 1 ? within(x, wide) : 0.5, background_y: tall > 1 ? within(y, tall) : 0.5 });
    }

    /** Move the picture with the pointer: it follows the hand, so the point goes the other way. */
    function dragged(area) {
      let from = null;
      area.addEventListener("pointerdown", (event) => {
        if (event.button !== 0 || draft.ground.background_fit === "contain") return;
        event.preventDefault();
        area.setPointerCapture(event.pointerId);
        from = { at: [event.clientX, event.clientY], ...draft.ground };
      });
      area.addEventListener("pointermove", ({ clientX, clientY }) => {
        if (!from) return;
        const [wide, tall] = seen.size();
        const { width, height } = area.getBoundingClientRect();
        point(
          from.background_x - (clientX - from.at[0]) / (width * wide),
          from.background_y - (clientY - from.at[1]) / (height * tall),
        );
      });
      for (const name of ["pointerup", "pointercancel"]) area.addEventListener(name, () => (from = null));
    }
  }

  function referenceParts() {
    const field = imageField("ground-reference", "Choose a picture …");
    return { element: html`<div class="part">${field.element}</div>`, show: field.show };
  }

  /** Return the place for an upload with a look at it: {element, show()}. */
  function imageField(id, title) {
    const image = html`<img class="part-picture" alt="" />`;
    const name = html`<p class="hint"></p>`;
    const hint = "JPEG, PNG, WebP, AVIF, HEIC or TIFF. You can also drop it here, or paste.";
    const put = (key) => change({ background_image: key, background_x: 0.5, background_y: 0.5, background_zoom: 1 });
    const field = pictureField({ id, title, hint, heard: put, signal });
    return { element: html`<div class="part">${image}${name}${field}</div>`, show: refresh };

    function refresh() {
      const { background_image: key } = draft.ground;
      const picture = pictureOf(key);
      const shown = picture?.preview ?? null;
      image.hidden = !shown || draft.ground.background === "image"; // the sketch shows it
      if (!image.hidden && image.getAttribute("src") !== shown) image.src = shown;
      name.textContent = picture ? picture.name : key ? "The picture that you uploaded before." : "";
    }
  }

  function rendersField() {
    const list = html`<fieldset class="cards"><legend class="unseen">Earlier pictures</legend></fieldset>`;
    const words = html`<p class="hint" role="status"></p>`;
    const lasting = lastingBox(draft);
    let asked = false;
    const inputs = new Map();
    return { element: html`<div class="part">${list}${words}${lasting.element}</div>`, show: refresh };

    function refresh() {
      lasting.show(true);
      for (const [id, input] of inputs) input.checked = id === draft.ground.background_render;
      if (asked) return;
      asked = true;
      load().catch((error) => {
        asked = false;
        if (!signal.aborted) words.textContent = error.message;
      });
    }

    async function load() {
      words.textContent = "Looking for your pictures …";
      const { items } = await ask("/v1/renders?limit=12", { signal });
      const scenes = items.filter((render) => !render.preview && ofScene(render));
      fill(words, !scenes.length && "You have no picture with a scene yet.");
      list.append(...scenes.map(card));
      refresh();
    }

    function card(render) {
      const choose = () => change({ background_render: render.public_id });
      const name = render.reference ?? titled(catalogue.output_presets, render.output_preset);
      const input = html`<input type="radio" name="background_render" value=${render.public_id} onchange=${choose} />`;
      inputs.set(render.public_id, input);
      const picture = renderImage(render, signal);
      picture.classList.add("card-picture");
      return html`<label class="card">${input}${picture}<span class="card-title">${name}</span></label>`;
    }

    function ofScene({ output_preset: name }) {
      return catalogue.output_presets.find((preset) => preset.name === name)?.scene_allowed ?? true;
    }
  }
}

/** The cut-out of the photo on the stage: made at once, free, shown as it will be used, with its doubts marked. */

import { fill, h, say, styled } from "../dom.js";
import { persisted } from "../waiting.js";
import { REMEDIES, lostWords } from "../words.js";
import { doubtWords } from "./doubts.js";
import { cutOut } from "./service.js";

/** What the cut-out is shown on. */
const LOOKS = [
  ["squares", "Cut out"],
  ["scene", "On the scene’s colour"],
  ["photo", "Photo"],
];

/**
 * Cut out what stands on the stage, and show it there.
 *
 * @param {object} studio
 * @param {object} source the draft's photo
 * @param {object} stage `print`: the figure; `photo`: what shows the photo in it; `file`: the photo itself, or null
 *   where it has to be fetched; `told(view, mended)`: hears each cut-out that is shown; `signal`: aborted when
 *   another photo comes
 * @returns an element to stand below the figure
 */
export function shownCutout(studio, source, { print, photo, file, told, signal }) {
  const element = h("section", { class: "cutout", "aria-label": "Cut-out" });
  const overlay = h("div", { class: "marks", "aria-hidden": "true" });
  const picture = h("img", { class: "photo", alt: "Your product, cut out", hidden: true });
  const trouble = h("p", { class: "error", role: "alert" });
  let look = "squares";
  let view = null;
  let again = false;
  /** Ends the choosing of a product; null: none is being chosen. And the look to go back to without a choice. */
  let choosing = null;
  let before = look;
  print.append(picture, overlay);
  studio.draft.addEventListener("change", colour, { signal });
  start();
  return element;

  async function start() {
    print.classList.add("cutting");
    const words = h("p", { class: "hint", role: "status" });
    const lost = (refusal) => (words.textContent = refusal ? lostWords(refusal) : "Cutting the product out …");
    lost(null);
    fill(element, words);
    try {
      await shown(await persisted(() => cutOut(source, { signal, again }), { signal, lost }));
    } catch (error) {
      if (signal.aborted) return;
      fill(element, refused(error.message));
    } finally {
      print.classList.remove("cutting");
    }
  }

  function refused(...words) {
    again = true;
    return h(
      "div",
      { class: "notice bad", role: "alert" },
      words.filter(Boolean).map((one) => h("p", {}, one)),
      h("button", { class: "button small", onclick: start }, "Try again"),
    );
  }

  /** Show a cut-out when its picture is there, so that nothing flashes. */
  async function shown(next, mended = false) {
    if (next.error || next.status !== "SUCCESS") {
      const { code, message } = next.error ?? { code: "internal_error", message: "It could not be cut out." };
      fill(element, refused(message, REMEDIES[code]));
      return;
    }
    view = next;
    if (!view.product_box) look = "photo"; // there is nothing else to see
    picture.src = view.preview_url;
    await picture.decode();
    if (signal.aborted) return;
    choosing?.abort();
    told(view, mended);
    fill(element, controls(), trouble, doubts());
    fill(overlay, view.warnings.flatMap(({ boxes }, i) => boxes.map((box) => mark(box, i + 1))));
    show();
    say(spoken());
  }

  function spoken() {
    const count = view.warnings.length;
    if (!count) return "The product is cut out.";
    return `The product is cut out. There ${count === 1 ? "is one place" : `are ${count} things`} to look at.`;
  }

  function controls() {
    const radios = LOOKS.map(([name, words]) =>
      h(
        "label",
        { class: "segment" },
        h("input", { type: "radio", name: "look", value: name, checked: name === look, onchange: () => choose(name) }),
        h("span", {}, words),
      ),
    );
    return h(
      "div",
      { class: "row centre" },
      h("fieldset", { class: "looks" }, h("legend", { class: "unseen" }, "Show"), radios),
      h("button", { class: "button small", id: "choose", "aria-pressed": "false", onclick: point }, "Choose the product"),
      h("button", { class: "button small", id: "mend", onclick: (event) => open(event.target) }, "Mend the cut-out"),
    );
  }

  function doubts() {
    if (!view.warnings.length) return null;
    return h(
      "ol",
      { class: "doubtful" },
      view.warnings.map((warning, i) => {
        const [what, remedy] = doubtWords(warning);
        return h(
          "li",
          { "data-code": warning.code },
          h("span", { class: "mark-number", "aria-hidden": "true" }, i + 1),
          h("span", {}, h("strong", {}, what), remedy && h("span", { class: "hint" }, ` ${remedy}`)),
          warning.boxes.length
            ? h("button", { class: "link", onclick: ({ target }) => open(target, warning.boxes[0]) }, "Look closer")
            : null,
        );
      }),
    );
  }

  function mark({ left, top, width, height }, number) {
    const share = (value, whole) => `${(100 * value) / whole}%`;
    return styled(h("span", { class: "mark-box" }, h("span", { class: "mark-number" }, number)), {
      left: share(left, view.width),
      top: share(top, view.height),
      width: share(width, view.width),
      height: share(height, view.height),
    });
  }

  function choose(name) {
    look = name;
    for (const radio of element.querySelectorAll("[name=look]")) radio.checked = radio.value === name;
    show();
  }

  function show() {
    const cut = look !== "photo";
    picture.hidden = !cut;
    photo.hidden = cut;
    print.classList.toggle("see-through", look === "squares");
    print.classList.toggle("on-scene", look === "scene");
    colour();
  }

  function colour() {
    styled(print, { "--scene": sceneColour(studio) });
  }

  /** Let the product be chosen by a click on the photo, or leave that. */
  function point({ target: button }) {
    if (choosing) {
      choosing.abort();
      return choose(before);
    }
    before = look;
    choosing = new AbortController();
    const here = AbortSignal.any([signal, choosing.signal]);
    here.addEventListener("abort", () => {
      choosing = null;
      print.classList.remove("choosing");
      button.setAttribute("aria-pressed", "false");
      trouble.textContent = "";
    });
    choose("photo");
    print.classList.add("choosing");
    button.setAttribute("aria-pressed", "true");
    say("Click the product in the photo.");
    print.addEventListener("click", (event) => pick(event, button), { signal: here });
  }

  /** Have the product at a click cut out. */
  async function pick({ clientX, clientY }, button) {
    if (button.hasAttribute("aria-busy")) return;
    const { left, top, width, height } = overlay.getBoundingClientRect();
    const subject = [(clientX - left) / width, (clientY - top) / height].map((one) => Math.min(1, Math.max(0, one)));
    trouble.textContent = "";
    button.setAttribute("aria-busy", "true");
    print.classList.add("cutting");
    say("Cutting the product out.");
    try {
      const next = await cutOut(source, { signal, subject });
      if (next.error) throw new Error(REMEDIES[next.error.code] ?? next.error.message);
      look = "squares";
      await shown(next, true);
    } catch (error) {
      if (!signal.aborted) trouble.textContent = error.message;
    } finally {
      button.removeAttribute("aria-busy");
      print.classList.remove("cutting");
    }
  }

  /** Open the window to mend it, at a box of the photo, or whole. */
  async function open(button, lookAt = null) {
    trouble.textContent = "";
    button.setAttribute("aria-busy", "true");
    say("Opening.");
    try {
      const { mend } = await import("./editor.js");
      const mended = await mend(view, { photo: file, colour: sceneColour(studio), lookAt, signal });
      if (mended && !signal.aborted) await shown(mended, true);
    } catch (error) {
      if (!signal.aborted) trouble.textContent = error.message;
    } finally {
      button.removeAttribute("aria-busy");
      element.querySelector("#mend")?.focus();
    }
  }
}

/** Return the colour that the chosen scene has most of, as CSS takes it. */
export function sceneColour({ draft, catalogue }) {
  const scene = catalogue.scene_types.find(({ name }) => name === draft.scene_type);
  return draft.colours[0] ?? scene?.palette?.[0] ?? "#d9d9d9";
}

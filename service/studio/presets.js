/** The sales channels: how a picture looks there, what it costs and what the channel forbids. */

import { h, svg } from "./dom.js";
import { credits, FORMATS, ruleTitle, size, weight } from "./words.js";

export function presetChoice(studio, order) {
  const { draft, catalogue, thumbnails } = studio;
  const value = h("span", { class: "choice-value" });
  const peek = h("span", { class: "peek frame-peek" });
  const about = h("div", { class: "place" });
  const error = h("p", { class: "error", role: "alert" });
  const { radios, element: cards } = presetCards(studio, catalogue.output_presets, "output_preset", (name) =>
    draft.change({ output_preset: name }),
  );
  const also = alsoFor(studio);
  const element = h(
    "details",
    { class: "choice", name: "choice", "data-choice": "output_preset" },
    h("summary", {}, peek, h("span", { class: "choice-name" }, "Sales channel"), value),
    h("div", { class: "choice-body" }, cards, error, about, also.element),
  );
  draft.addEventListener("change", ({ detail }) => ["output_preset", "also", "scene_type"].some((name) => name in detail) && show());
  order.addEventListener("told", () => (error.textContent = order.refusal?.about("output_preset") ?? ""));
  show();
  return element;

  function show() {
    const { preset } = draft;
    for (const radio of radios) radio.checked = radio.value === preset.name;
    const more = draft.presets.length - 1;
    value.textContent = more ? `${preset.title} and ${more} more` : preset.title;
    also.show();
    peek.replaceChildren(frame(preset, thumbnails[`preset-${preset.name}`]));
    about.replaceChildren(...placeWords(preset));
  }
}

/** Further channels, of which each gets a picture of its own: {element, show()}. */
function alsoFor({ draft, catalogue }) {
  const boxes = catalogue.output_presets.map(({ name }) =>
    h("input", { type: "checkbox", name: "also", value: name, onchange: () => draft.change({ also: chosen() }) }),
  );
  // Without the first channel, whose box is only shown as checked: it would stay when another becomes the first.
  const chosen = () => boxes.filter((box) => box.checked && !box.disabled).map((box) => box.value);
  const facts = catalogue.output_presets.map(() => h("span", { class: "hint" }));
  const element = h(
    "details",
    { class: "also" },
    h("summary", {}, "More channels at once"),
    h("p", { class: "hint" }, "One picture for each, each an order of its own."),
    h(
      "fieldset",
      { class: "also-list" },
      h("legend", { class: "unseen" }, "Also for"),
      catalogue.output_presets.map(({ title }, i) =>
        h("label", { class: "also-one" }, boxes[i], h("span", {}, title, " ", facts[i])),
      ),
    ),
  );
  return { element, show };

  function show() {
    if (draft.presets.length > 1) element.open = true;
    catalogue.output_presets.forEach((preset, i) => {
      const first = preset === draft.preset;
      boxes[i].checked = first || draft.also.includes(preset.name);
      boxes[i].disabled = first;
      const bare = !first && !preset.scene_allowed && draft.scene_type !== "white";
      facts[i].textContent = `${credits(preset.credits)}${bare ? `, ${BARE[preset.background]}` : ""}`;
    });
  }
}

const BARE = { white: "on white", transparent: "without a background" };

/** Return radio buttons that look like the channels; `off` says why one can't be chosen, or null. */
export function presetCards({ thumbnails }, presets, group, chosen, off = () => null) {
  const radios = presets.map((preset) =>
    h("input", {
      type: "radio",
      name: group,
      value: preset.name,
      disabled: Boolean(off(preset)),
      onchange: () => chosen(preset.name),
    }),
  );
  const element = h(
    "fieldset",
    { class: "cards frames" },
    h("legend", { class: "unseen" }, "Sales channel"),
    presets.map((preset, i) =>
      h(
        "label",
        { class: "card", title: off(preset) ?? preset.description },
        radios[i],
        frame(preset, thumbnails[`preset-${preset.name}`]),
        h("span", { class: "card-title" }, preset.title),
        h("span", { class: "card-fact" }, size(preset.width, preset.height)),
        h("span", { class: "card-fact" }, `${credits(preset.credits)}${forbids(preset)}`),
      ),
    ),
  );
  return { radios, element };
}

const forbids = ({ background }) => ({ white: " · white only", transparent: " · no background" })[background] ?? "";

function placeWords(preset) {
  const limit = preset.max_bytes ? `, up to ${weight(preset.max_bytes)}` : "";
  const formats = preset.formats.map((one) => FORMATS[one]).join(", ");
  const scene = {
    white: "Nothing but pure white behind the product; no scene.",
    transparent: "No background: the product alone.",
    scene: "Scenes are welcome.",
  };
  return [
    h("p", {}, preset.description),
    h("p", { class: "hint" }, `${scene[preset.background]} ${size(preset.width, preset.height)}, ${formats}${limit}.`),
    h(
      "ul",
      { class: "rules" },
      preset.rules.map((rule) =>
        h(
          "li",
          {},
          h("strong", {}, ruleTitle(rule.name)),
          ` ${rule.text} `,
          h(
            "a",
            {
              href: rule.source_url,
              target: "_blank",
              rel: "noreferrer noopener",
              "aria-label": `Source of the rule on ${ruleTitle(rule.name)}, opens elsewhere`,
            },
            "Source",
          ),
          h("span", { class: "hint" }, `, ${rule.checked_on}`),
        ),
      ),
    ),
  ];
}

/** Show a channel to scale: a picture made for it, or a drawing where there is none, and the margins that stay free. */
function frame({ width, height, margins, fill, background }, picture) {
  const ratio = (width ?? 4) / (height ?? 5);
  const [w, h_] = ratio >= 1 ? [56, 56 / ratio] : [56 * ratio, 56];
  const [x, y] = [(64 - w) / 2, (64 - h_) / 2];
  const [left, top, right, bottom] = margins;
  const [roomW, roomH] = [w * (1 - left - right), h_ * (1 - top - bottom)];
  const sheet = { x, y, width: w, height: h_ };
  return svg(
    "svg",
    { class: `frame ${background}`, viewBox: "0 0 64 64", "aria-hidden": "true" },
    picture ? svg("image", { href: picture, ...sheet, preserveAspectRatio: "xMidYMid slice" }) : drawn(),
    svg("rect", { class: "frame-margin", x: x + w * left, y: y + h_ * top, width: roomW, height: roomH }),
    svg("rect", { class: "frame-edge", ...sheet }),
  );

  function drawn() {
    const tall = Math.min(roomH, h_ * fill, roomW / 0.4);
    const wide = tall * 0.4;
    const base = y + h_ * (1 - Math.max(bottom, 0.06));
    return svg(
      "g",
      {},
      svg("rect", { class: "frame-sheet", ...sheet }),
      svg("rect", { class: "frame-product", x: 32 - wide / 2, y: base - tall, width: wide, height: tall }),
    );
  }
}

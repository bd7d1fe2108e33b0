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
  const element = h(
    "details",
    { class: "choice", name: "choice", "data-choice": "output_preset" },
    h("summary", {}, peek, h("span", { class: "choice-name" }, "Sales channel"), value),
    h("div", { class: "choice-body" }, cards, error, about),
  );
  draft.addEventListener("change", ({ detail }) => "output_preset" in detail && show());
  order.addEventListener("told", () => (error.textContent = order.refusal?.about("output_preset") ?? ""));
  show();
  return element;

  function show() {
    const { preset } = draft;
    for (const radio of radios) radio.checked = radio.value === preset.name;
    value.textContent = preset.title;
    peek.replaceChildren(frame(preset, thumbnails[`preset-${preset.name}`]));
    about.replaceChildren(...placeWords(preset));
  }
}

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

/** Before and after, one over the other, with a line between that can be dragged, or moved by the arrow keys. */

import { ask } from "./api.js";
import { h, icon, styled } from "./dom.js";
import { unshowable } from "./photo.js";

/** `source` is the photo behind the render, {url, content_type}; null: it is gone, and the render stands alone. */
export function beforeAfter(render, source) {
  const after = h("img", {
    class: "after",
    src: render.url,
    alt: "The finished picture",
    width: render.width,
    height: render.height,
  });
  after.addEventListener("error", async () => (after.src = (await ask(`/v1/renders/${render.public_id}`)).url), {
    once: true,
  });
  const sheet = styled(h("div", { class: `sheet ${/^(png|webp)$/.test(render.format) ? "see-through" : ""}` }, after), {
    "--at": 0.5,
  });
  const figure = styled(h("figure", { class: "compare" }, sheet), { "--ratio": render.width / render.height });
  if (!source || unshowable(source.content_type)) return figure;
  const before = h("img", { class: "before-photo", src: source.url, alt: "" });
  const window_ = h("div", { class: "before" }, before);
  before.addEventListener("load", () => lay(before, render));
  const range = h("input", {
    class: "range",
    type: "range",
    min: 0,
    max: 100,
    step: 1,
    value: 50,
    "aria-label": "Before and after",
    "aria-valuetext": told(50),
    oninput: () => {
      styled(sheet, { "--at": range.value / 100 });
      range.setAttribute("aria-valuetext", told(range.value));
    },
  });
  sheet.append(
    window_,
    h("span", { class: "divider", "aria-hidden": "true" }, h("span", { class: "knob" }, icon("sides"))),
    range,
  );
  figure.append(h("figcaption", { class: "caption" }, h("span", {}, "Before"), h("span", {}, "After")));
  return figure;
}

const told = (value) => `${value} % before, ${100 - value} % after`;

/** Lay the photo so that its product lies exactly under the finished picture's; without boxes, so that it fills the frame. */
function lay(photo, { width, height, report: { cutout } }) {
  const { source_box: from, placed_box: to } = cutout;
  if (!from || !to) {
    photo.classList.add("filling");
    return;
  }
  const wide = (to[2] - to[0]) / (from[2] - from[0]);
  const tall = wide * (photo.naturalHeight / photo.naturalWidth) * (width / height);
  const middle = (box, i) => (box[i] + box[i + 2]) / 2;
  styled(photo, {
    left: `${100 * (middle(to, 0) - middle(from, 0) * wide)}%`,
    top: `${100 * (middle(to, 1) - middle(from, 1) * tall)}%`,
    width: `${100 * wide}%`,
    height: `${100 * tall}%`,
  });
}

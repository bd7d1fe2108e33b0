/** Comparison of two pictures: before and after with a slider, or side by side. */

import { ask } from "../calls/api.js";
import { html, icon, styled } from "./dom.js";
import { Viewport } from "../mask/viewport.js";
import { unshowable } from "../calls/photo.js";
import { zoomBar, zoomSheet } from "./zoom.js";

/**
 * Return the render with its photo behind a slider. `source`: the photo, {url, content_type}; null: it is deleted.
 *
 * Its event `look` shows the pixels at [x, y], in shares.
 */
export function beforeAfter(render, source, signal) {
  const before = source && !unshowable(source.content_type);
  const slider = before ? line() : null;
  const viewport = viewportOf(render);
  const sheet = sheetOf(viewport, render, { name: "The finished picture", behind: before && source, slider, signal });
  const figure = html`
    <figure class="compare">
      ${sheet}
      <figcaption class="caption">
        ${before && html`<span>Before</span>`}${zoomBar(viewport, signal)}${before && html`<span>After</span>`}
      </figcaption>
    </figure>`;
  figure.addEventListener("look", ({ detail: [x, y] }) => {
    slider?.to(0); // the photo would lie over it
    viewport.resize(sheet.clientWidth, sheet.clientHeight); // unknown if the figure has just come back
    viewport.showPixelsAt(x * render.width, y * render.height);
  });
  return styled(figure, { "--ratio": render.width / render.height });
}

/** Return two finished pictures with a common zoom; `names` are their captions. */
export function sideBySide(renders, names, signal) {
  const viewport = viewportOf(renders[0]);
  const one = (render, i) => html`
    <div class="two-one">
      ${sheetOf(viewport, render, { name: names[i], signal })}<p class="hint">${names[i]}</p>
    </div>`;
  const figure = html`
    <figure class="compare">
      <div class="two">${renders.map(one)}</div>
      <figcaption class="caption">${zoomBar(viewport, signal)}</figcaption>
    </figure>`;
  return styled(figure, { "--ratio": renders[0].width / renders[0].height });
}

const viewportOf = ({ width, height }) => new Viewport(width, height, { tight: true });

/** Return a zoomable render; `behind`: the photo that is visible up to the slider's line, or null. */
function sheetOf(viewport, render, { name, behind, slider, signal }) {
  const { public_id: id, url, width, height, format } = render;
  const renewed = async () => (image.src = (await ask(`/v1/renders/${id}`)).url);
  const image = html`<img class="after" src=${url} alt="" width=${width} height=${height} draggable="false" />`;
  image.addEventListener("error", renewed, { once: true });
  const photo = behind && html`<img class="before-photo" src=${behind.url} alt="" draggable="false" />`;
  if (photo) photo.addEventListener("load", () => lay(photo, render));
  const content = [image, photo && html`<div class="before">${photo}</div>`];
  const sheet = zoomSheet(viewport, content, { name, slider, signal });
  sheet.classList.toggle("see-through", /^(png|webp)$/.test(format));
  return sheet;
}

/** Return the slider of `zoomSheet`. */
function line() {
  const range = html`
    <input class="range" type="range" min="0" max="100" value="50" aria-label="Before and after" oninput=${show} />`;
  const element = html`
    <div class="line-over">
      <span class="divider" aria-hidden="true"><span class="knob">${icon("sides")}</span></span>${range}
    </div>`;
  show();
  return { element, at: () => range.value / 100, to: (share) => ((range.value = 100 * share), show()) };

  function show() {
    styled(element, { "--at": range.value / 100 });
    range.setAttribute("aria-valuetext", `${range.value} % before, ${100 - range.value} % after`);
  }
}

/** Position the photo so that its product is exactly under the render's. Without boxes, it fills the frame. */
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

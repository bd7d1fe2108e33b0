/** The picture at once, drawn by the page: the background, the margins, the room for copy and the product over it. */

import { html, styled } from "../page/dom.js";
import { outlined } from "../place/outline.js";
import { placed, planned } from "../place/layout.js";
import { pictureOf } from "./picture.js";

const share = (value) => `${100 * value}%`;

/**
 * Lay a ground behind a sheet `ratio` wide and 1 high, in its element `behind`. Returns whether it has a ground.
 *
 * As in `pipeline`: the point of the picture goes to the middle of the canvas, as far as the picture reaches.
 */
function layGround(behind, draft, ratio) {
  const { background, ...ground } = draft.grounded().background ? draft.ground : { background: "scene" };
  const own = background === "image" ? pictureOf(ground.background_image) : null;
  const colour = background === "color" ? ground.background_color : null;
  behind.hidden = !colour && !own?.preview;
  if (behind.hidden) return false;
  styled(behind, { background: colour ?? "" });
  if (!own) return true;
  const [wide, tall] = sizeOf(own, ground, ratio);
  const at = (size, room, point) => (size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, room / 2 - point * size)));
  const [left, top] = [at(wide, 1, ground.background_x), at(tall, 1, ground.background_y)];
  styled(behind, {
    background: `url("${own.preview}") no-repeat`,
    "background-size": `${share(wide)} ${share(tall)}`,
    "background-position": `${position(left, wide, 1)} ${position(top, tall, 1)}`,
  });
  return true;
}

/** Return a picture's size in sizes of a sheet: [wide, tall]. */
function sizeOf({ width, height }, { background_fit: fit, background_zoom: zoom }, ratio) {
  const aspect = width && height ? width / height : ratio;
  const [across, down] = [ratio / aspect, 1];
  const scale = fit === "contain" ? Math.min(across, down) : Math.max(across, down) * (fit === "position" ? zoom : 1);
  return [(aspect * scale) / ratio, scale];
}

/** CSS counts a position in shares of the room that is left. */
const position = (start, size, room) => (Math.abs(room - size) < 1e-6 ? "0%" : share(start / (room - size)));

const LENGTH = /^(\d+(?:\.\d+)?)(%|px)$/;

/** Return margins in the API's form as shares [left, top, right, bottom] of a channel's picture; null: none. */
export function marginsOf(margins, { width, height }) {
  const read = margins.trim().split(/\s+/).map((one) => LENGTH.exec(one));
  if (read.some((one) => !one)) return null;
  const [top, right = top, bottom = top, left = right] = read;
  const share = ([, number, unit], side) => Number(number) / (unit === "%" ? 100 : (side ?? 1000));
  return [share(left, width), share(top, height), share(right, width), share(bottom, height)];
}

/** Return the draft's channel with the margins that the frame has. */
export function framed({ preset, frame }) {
  return { ...preset, margins: marginsOf(frame.margins, preset) ?? preset.margins };
}

/** Lay the margins and the room for copy over a sheet. */
function layFrame(margin, copy, draft) {
  const [left, top, right, bottom] = framed(draft).margins;
  styled(margin, { left: share(left), top: share(top), right: share(right), bottom: share(bottom) });
  const side = draft.frame.copy_space;
  copy.hidden = side === "none";
  const rest = share(1 - (COPY[side] ?? 0));
  styled(copy, {
    left: side === "right" ? rest : 0,
    right: side === "left" ? rest : 0,
    top: 0,
    bottom: side === "top" ? rest : 0,
  });
}

/** Shares of the picture that are kept free for copy, as in `pipeline.placement.frame`. */
const COPY = { left: 0.4, right: 0.4, top: 0.35 };

/**
 * Return a sketch of the picture, which updates itself.
 *
 * @param {object} context
 * @param {object} options `placement()`: the product's, by default the draft's; `drawn(there)`: called after each
 *   drawing with what `at` returns
 * @returns {element, outline, trouble, show(), at(), ratio(), size(), product()}. `at`: where the product is, {box, pivot,
 *   bounds, base, seen, style}, null: not known, or it does not fit; `size`: the ground's picture in sizes of the sheet;
 *   `product`: the product's box in shares of the picture; `trouble`: why there is no outline, or null
 */
export function sketch({ studio: { draft }, order, signal }, { placement = () => draft.placement, drawn = () => {} } = {}) {
  const behind = html`<span class="sketch-ground" hidden></span>`;
  const margin = html`<span class="place-margin"></span>`;
  const copy = html`<span class="sketch-copy" hidden>Text</span>`;
  const product = html`<span class="sketch-product" hidden></span>`;
  const element = html`<div class="sketch">${behind}${margin}${copy}${product}</div>`;
  const own = { element, outline: null, trouble: null, show, at, ratio, size, product: boxOf };
  let [cut, place] = [null, null];
  draft.addEventListener("change", show, { signal });
  order.addEventListener("answered", answered, { signal });
  answered();
  return own;

  function size() {
    return sizeOf(pictureOf(draft.ground.background_image) ?? {}, draft.ground, ratio());
  }

  /** Return width over height of the picture; for a channel without a size, of the photo. */
  function ratio() {
    const { width, height } = draft.preset;
    return width ? width / height : order.cut ? order.cut.width / order.cut.height : 1;
  }

  async function answered() {
    if (order.plan) ({ place } = order.plan); // until the next plan, the product stays where it was
    if (cut !== order.cut) {
      const mine = (cut = order.cut);
      own.outline = own.trouble = null;
      const found = cut && (await outlined(cut, signal).catch((error) => ((own.trouble = error.message), null)));
      if (signal.aborted || mine !== cut) return;
      own.outline = found;
      product.replaceChildren(found?.picture ?? "");
    }
    show();
  }

  function at() {
    const { outline } = own;
    if (!outline || !place) return null;
    const { base, seen } = planned(place, outline.aspect, ratio());
    const there = { base, seen, ...placed(base, placement(), outline, ratio(), seen) };
    const [[left, top, right, bottom], [x, y]] = [there.box, there.pivot];
    const style = {
      left: share(left / ratio()),
      top: share(top),
      width: share((right - left) / ratio()),
      height: share(bottom - top),
      rotate: `${placement().turn}deg`,
      "transform-origin": `${share((x - left) / (right - left))} ${share((y - top) / (bottom - top))}`,
    };
    return { ...there, style };
  }

  function boxOf() {
    const [left, top, right, bottom] = at()?.box ?? [];
    return left === undefined ? null : [left / ratio(), top, right / ratio(), bottom];
  }

  function show() {
    styled(element, { "--ratio": ratio() });
    layGround(behind, draft, ratio());
    layFrame(margin, copy, draft);
    const there = at();
    product.hidden = !there;
    if (there) styled(product, there.style);
    drawn(there);
  }
}

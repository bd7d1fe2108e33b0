/** Texts and logos on a sketch of the picture, moved by mouse, finger or arrow keys. */

import { fill, html, say, styled } from "../page/dom.js";
import { PLACES } from "./controls.js";
import { USUAL, given, isLogo, layerWords, whereWords } from "./layer.js";
import { pictureOf } from "./picture.js";

/** Shares of the picture: the distance that snaps, and the step of an arrow key, which snaps within its half. */
const SNAP = 0.02;
const STEP = 0.02;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const share = (value) => `${100 * value}%`;

/** Return the shares of the picture that the controls of the channel's app cover: [top, bottom]. */
export const coveredBy = ({ rules, margins }) =>
  rules.some(({ name }) => name === "margins") ? [margins[1], margins[3]] : [0, 0];

/**
 * Lay the draft's layers on a picture's sheet, where a person moves them. Returns {show(), covered(i)}.
 *
 * `product()` returns the product's box in shares of the picture, or null; `heard` is called after each drawing.
 * `covered`: whether the app's controls cover a layer.
 */
export function layLayers(sheet, product, draft, signal, heard = () => {}) {
  const zones = ["top", "bottom"].map((side) => html`<span class="sketch-zone ${side}"></span>`);
  const guides = ["across", "down"].map((axis) => html`<span class="sketch-guide ${axis}" hidden></span>`);
  let pieces = [];
  sheet.classList.add("lettered");
  sheet.append(...zones, ...guides);
  draft.addEventListener("change", show, { signal });
  // The letters are measured, so they are laid again when the folded choice opens and when the window changes.
  const resized = new ResizeObserver(show);
  resized.observe(sheet);
  signal.addEventListener("abort", () => resized.disconnect());
  return { show, covered: (i) => pieces[i]?.covered ?? false };

  function show() {
    const { layers } = draft.lettering;
    if (pieces.length !== layers.length) {
      for (const { element } of pieces) element.remove();
      pieces = layers.map((_, i) => piece(i));
      sheet.append(...pieces.map(({ element }) => element));
    }
    const covers = coveredBy(draft.preset);
    for (const [i, zone] of zones.entries()) styled(zone, { height: share(layers.length && covers[i]) });
    pieces.forEach((one, i) => one.show(layers[i], covers));
    heard();
  }

  function piece(i) {
    const element = html`
      <span class="sketch-layer" tabindex="0" role="application" onkeydown=${pressed} onpointerdown=${down}
        onpointermove=${moved} onpointerup=${up} onpointercancel=${up}></span>`;
    const own = { element, covered: false, show: refresh };
    let layer = {};
    /** Where the pointer and the layer were, and where the layer goes now: [across, down]; null: not dragged. */
    let [from, to] = [null, null];
    return own;

    function refresh(now, [top, bottom]) {
      layer = { ...USUAL, ...now };
      const words = layerWords(now);
      const picture = isLogo(now) ? pictureOf(now.logo)?.preview : null;
      element.setAttribute("aria-label", `${words}, ${whereWords(now)}. Arrow keys move it.`);
      if (element.dataset.of !== (picture ?? words + now.text)) {
        element.dataset.of = picture ?? words + now.text;
        fill(element, picture ? html`<img src=${picture} alt="" draggable="false" />` : isLogo(now) ? "◆" : now.text);
      }
      styled(element, { "--size": layer.size, "font-weight": layer.weight });
      const at = stand(corner());
      own.covered = at[1] < top - 0.002 || at[1] + size()[1] > 1 - bottom + 0.002;
      element.classList.toggle("covered", own.covered);
    }

    /** Return the layer's size in shares of the picture. */
    function size() {
      const { width, height } = sheet.getBoundingClientRect();
      const box = element.getBoundingClientRect();
      return [box.width / (width || 1), box.height / (height || 1)];
    }

    function stand(at) {
      styled(element, { left: share(at[0]), top: share(at[1]) });
      return at;
    }

    /** Return the layer's margins in shares of the picture. */
    function margins() {
      const { width, height } = sheet.getBoundingClientRect();
      return [width, height].map((side) => ((layer.margin / 100) * Math.min(width, height)) / (side || 1));
    }

    /** As `asked_corner` in `pipeline.lettering.placing`, inside the picture. */
    function corner() {
      const { anchor } = layer;
      const free = margins();
      const box = (layer.to === "product" && product()) || [...free, 1 - free[0], 1 - free[1]];
      const ends = [["left", "right"], ["top", "bottom"]];
      const beside = [["left_of", "right_of"], ["above", "below"]];
      return size().map((side, axis) => {
        const parts = anchor.endsWith("_of") ? [] : anchor.split("_");
        const along = parts.includes(ends[axis][0]) ? 0 : parts.includes(ends[axis][1]) ? 1 : 0.5;
        let start = box[axis] + along * (box[axis + 2] - box[axis] - side);
        if (anchor === beside[axis][0]) start = box[axis] - free[axis] - side;
        if (anchor === beside[axis][1]) start = box[axis + 2] + free[axis];
        return Math.max(0, Math.min(start + layer[axis ? "y" : "x"] / 100, 1 - side));
      });
    }

    /** Return the place near a corner, by axis: {start, end, offset, line}. */
    function near(at, within) {
      const [sides, free, covers] = [size(), margins(), coveredBy(draft.preset)];
      return at.map((start, axis) => snapped(start, sides[axis], free[axis], within, axis ? covers : [0, 0]));
    }

    function place([x, y]) {
      const at = { to: "canvas", anchor: PLACES[3 * y.end + x.end], x: x.offset, y: y.offset };
      const { layers } = draft.lettering;
      draft.change({ lettering: { layers: layers.with(i, given({ ...layers[i], ...at })) } });
    }

    function pressed(event) {
      const by = ARROWS[event.key];
      if (!by) return;
      event.preventDefault();
      place(near(corner().map((start, axis) => start + by[axis] * STEP), STEP / 2.1));
      say(`${whereWords(draft.lettering.layers[i])}${own.covered ? ", under the app's controls" : ""}`);
    }

    function down(event) {
      if (event.button !== 0) return;
      event.preventDefault();
      event.stopPropagation(); // the product behind it stays
      element.focus({ preventScroll: true });
      element.setPointerCapture(event.pointerId);
      from = { pointer: [event.clientX, event.clientY], at: corner() };
    }

    function moved({ clientX, clientY }) {
      if (!from) return;
      const { width, height } = sheet.getBoundingClientRect();
      const by = [(clientX - from.pointer[0]) / width, (clientY - from.pointer[1]) / height];
      to = near(from.at.map((start, axis) => start + by[axis]), SNAP);
      stand(to.map(({ start }) => start));
      for (const [axis, guide] of guides.entries()) {
        guide.hidden = to[axis].line === null;
        styled(guide, { [axis ? "top" : "left"]: share(to[axis].line ?? 0) });
      }
    }

    function up() {
      if (to) place(to);
      for (const guide of guides) guide.hidden = true;
      from = to = null;
    }
  }
}

/**
 * Return where a layer goes that is dragged to `start`, on one axis and in shares of the picture.
 *
 * @returns {object} its `start`; the anchor's `end`, 0 to 2; the `offset` from it in percent; the `line` that it
 *   snapped to, or null
 */
export function snapped(start, size, margin, within, [before, after] = [0, 0]) {
  const anchors = [margin, (1 - size) / 2, 1 - margin - size];
  const lines = [
    ...[[anchors[0], margin], [anchors[1], 0.5], [anchors[2], 1 - margin]],
    ...[1 / 3, 2 / 3].map((third) => [third - size / 2, third]),
    ...(before ? [[before, before]] : []),
    ...(after ? [[1 - after - size, 1 - after]] : []),
  ];
  const far = ([at]) => Math.abs(at - start);
  const [best] = lines.toSorted((one, other) => far(one) - far(other));
  const snaps = far(best) <= within;
  const at = snaps ? best[0] : Math.max(0, Math.min(start, 1 - size));
  const middle = at + size / 2;
  const end = snaps && anchors.includes(at) ? anchors.indexOf(at) : middle < 0.4 ? 0 : middle > 0.6 ? 2 : 1;
  return { start: at, end, offset: Number((100 * (at - anchors[end])).toFixed(1)) || 0, line: snaps ? best[1] : null };
}

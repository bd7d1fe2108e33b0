/** Zoom and pan by mouse, fingers and keys. Pictures with the same viewport move together. */

import { listenToPointers } from "../cutout/pointer.js";
import { html, styled } from "./dom.js";

/** Zoom factor of a key or button, and CSS pixels of an arrow key. */
const STEP = 1.25;
const PAN = 48;
/** CSS pixels beside the slider's line in which a drag moves the slider instead of the picture. */
const NEAR = 28;
const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/**
 * Return the window in which a picture is zoomed.
 *
 * @param {Element[]} content the picture, and elements that move with it
 * @param {object} options `name`: for screen readers; `slider`: {element, at(), to(share)}, a line over the window
 */
export function zoomSheet(viewport, content, { name, slider = null, signal }) {
  const inner = html`<div class="zoomed">${content}</div>`;
  const label = `${name}. Plus and minus zoom, 1 shows its own pixels, 0 all of it, arrows move it.`;
  const sheet = html`
    <div class="sheet" tabindex="0" role="application" aria-label=${label} ondblclick=${twice} onkeydown=${pressed}>
      ${inner}${slider?.element}
    </div>`;
  const resized = new ResizeObserver(([{ contentRect: { width, height } }]) => viewport.resize(width, height));
  resized.observe(sheet);
  signal.addEventListener("abort", () => resized.disconnect());
  viewport.addEventListener("change", show, { signal });
  listen();
  return sheet;

  function show() {
    const { zoom, left, top, photo, window: seen } = viewport;
    const grown = (zoom * photo.width) / seen.width;
    sheet.classList.toggle("closer", !viewport.whole);
    styled(inner, { transform: `translate(${left}px, ${top}px) scale(${grown})` });
    if (slider) styled(sheet, { "--clip": (slider.at() * seen.width - left) / (grown * seen.width) });
  }

  /** A drag moves the slider near its line and while the whole picture is visible; otherwise it moves the picture. */
  function listen() {
    let start = 0;
    const slide = (x, y) => (slider.to(viewport.toWindow(x, y)[0] / viewport.window.width), show());
    const board = {
      ...{ viewport, drawing: false, to: slide },
      begin: (x, y) => ((board.drawing = true), slide(x, y)),
      end: () => (board.drawing = false),
      cancel: () => (board.drawing = false),
    };
    sheet.addEventListener("pointerdown", ({ clientX }) => (start = clientX - sheet.getBoundingClientRect().left));
    // With one finger the page scrolls, with two the picture zooms.
    const two = (event) => event.touches.length > 1 && event.preventDefault();
    sheet.addEventListener("touchstart", two, { passive: false });
    const onLine = () => Math.abs(start - slider.at() * viewport.window.width) < NEAR;
    const tool = () => (slider && (viewport.whole || onLine()) ? "keep" : "move");
    listenToPointers(sheet, board, { tool, seen: () => {} });
    slider?.element.addEventListener("input", show);
  }

  function twice({ offsetX, offsetY }) {
    if (!viewport.whole) viewport.fit();
    else viewport.showPixels(offsetX, offsetY);
  }

  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = event.target === sheet && ARROWS[event.key];
    const does = {
      "+": () => viewport.zoomBy(STEP),
      "=": () => viewport.zoomBy(STEP),
      "-": () => viewport.zoomBy(1 / STEP),
      0: () => viewport.fit(),
      1: () => viewport.showPixels(),
    }[event.key];
    if (!arrow && !does) return;
    event.preventDefault();
    if (does) does();
    else if (viewport.whole && slider) (slider.to(slider.at() - arrow[0] / 50), show());
    else viewport.panBy(arrow[0] * PAN, arrow[1] * PAN);
  }
}

/** Return the zoom buttons with the level: at 100 %, one pixel of the picture is one pixel of the screen. */
export function zoomBar(viewport, signal) {
  const level = html`<output class="zoom-level"></output>`;
  const button = (words, name, onclick) =>
    html`<button class="button small" aria-label=${name} title=${name} onclick=${onclick}>${words}</button>`;
  const all = button("Whole", "Show the whole picture", () => viewport.fit());
  const show = () => {
    level.textContent = `${Math.round(100 * viewport.zoom * devicePixelRatio)} %`;
    all.setAttribute("aria-disabled", String(viewport.whole));
  };
  viewport.addEventListener("change", show, { signal });
  show();
  return html`
    <div class="zoom-bar" role="group" aria-label="Zoom">
      ${button("−", "Zoom out", () => viewport.zoomBy(1 / STEP))}${level}
      ${button("+", "Zoom in", () => viewport.zoomBy(STEP))}
      ${button("1:1", "Show the picture’s own pixels (1:1)", () => viewport.showPixels())}${all}
    </div>`;
}

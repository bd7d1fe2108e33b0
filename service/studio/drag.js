/** Dragging a colour by mouse, pen or finger. */

import { html, styled } from "./dom.js";

/** Pixels that a pointer moves before it is a drag: a click is none. */
const LEAST = 6;
/** Nearer to the window's upper or lower edge than this share of its height, the page scrolls: pixels a frame. */
const EDGE = 0.2;
const STEP = 8;

/**
 * Let a colour be dragged from an element, which is returned.
 *
 * `possible()`: whether there is somewhere to drag it; `mark(x, y)` shows what is under the pointer and returns whether
 * it can be dropped there; `drop(x, y)` drops it.
 */
export function dragged(handle, colour, { possible, mark, drop }) {
  const ghost = styled(html`<span class="swatch ghost"></span>`, { "--colour": colour });
  let from = null;
  let at = [];
  handle.classList.add("draggable");
  handle.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !possible()) return;
    from = [event.clientX, event.clientY];
    handle.setPointerCapture(event.pointerId); // a quick hand is outside before it has moved far enough
  });
  handle.addEventListener("pointermove", ({ clientX: x, clientY: y }) => {
    if (!from || (!ghost.isConnected && Math.hypot(x - from[0], y - from[1]) < LEAST)) return;
    at = [x, y];
    styled(ghost, { "--x": `${x}px`, "--y": `${y}px` });
    if (!ghost.isConnected) begin();
  });
  for (const name of ["pointerup", "pointercancel"]) handle.addEventListener(name, over);
  return handle;

  function begin() {
    document.body.append(ghost);
    handle.classList.add("dragging");
    addEventListener("keydown", cancel, true);
    addEventListener("click", taken, true); // the click that ends a drag opens no picker
    follow();
  }

  function follow() {
    if (!ghost.isConnected) return;
    const height = at[1] / innerHeight;
    if (!mark(...at)) scrollBy(0, height < EDGE ? -STEP : height > 1 - EDGE ? STEP : 0);
    requestAnimationFrame(follow);
  }

  function over({ type, clientX: x, clientY: y }) {
    const drops = ghost.isConnected && type === "pointerup";
    end();
    setTimeout(() => removeEventListener("click", taken, true));
    if (drops) drop(x, y);
  }

  function cancel(event) {
    if (event.key !== "Escape") return;
    taken(event);
    end();
  }

  function end() {
    from = null;
    ghost.remove();
    handle.classList.remove("dragging");
    mark(-1, -1);
    removeEventListener("keydown", cancel, true);
  }
}

function taken(event) {
  event.preventDefault();
  event.stopPropagation();
}

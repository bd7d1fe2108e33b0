/** Dragging a colour by mouse, pen or finger. */

import { html, styled } from "./dom.js";

/** Pixels that the pointer moves before a press becomes a drag. */
const LEAST = 6;
/**
 * Share of the window's height at the upper and lower edge in which a drag scrolls the page, by STEP pixels a frame.
 */
const EDGE = 0.2;
const STEP = 8;

/**
 * Make an element a handle from which a colour can be dragged, and return it.
 *
 * `possible()` returns whether there is somewhere to drop it. `mark(x, y)` highlights the target under the pointer and
 * returns whether it accepts the colour. `drop(x, y)` drops it.
 */
export function dragged(handle, colour, { possible, mark, drop }) {
  const ghost = styled(html`<span class="swatch ghost"></span>`, { "--colour": colour });
  let from = null;
  let at = [];
  handle.classList.add("draggable");
  handle.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !possible()) return;
    from = [event.clientX, event.clientY];
    handle.setPointerCapture(event.pointerId); // a quick hand leaves the handle before the drag begins
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
    addEventListener("click", taken, true); // the click that ends a drag must not open the colour picker
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

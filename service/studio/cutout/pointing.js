/** Input of a place in the photo by mouse, finger or keyboard: a click is a point, a drag is a box. */

/** Pixels of the screen from which a movement counts as a drag. */
const DRAG = 6;
/** Step of the arrow keys as a share of the photo: plain, and with Alt. */
const [STEP, FINE] = [0.02, 0.004];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const limited = (share) => Math.min(1, Math.max(0, share));

/**
 * Listen on the element that shows the photo.
 *
 * @param actions {drawn(place, byKeyboard), chosen(place)}: a place while it is drawn, null when drawing stops; and the
 *   final place. A place is [x, y] or [left, top, right, bottom], as shares of the photo
 */
export function listenForPlaces(element, { drawn, chosen }) {
  /** Start and current point of the drawing; null: nothing is drawn. */
  let [from, to] = [null, null];

  function at({ clientX, clientY }) {
    const { left, top, width, height } = element.getBoundingClientRect();
    return [limited((clientX - left) / width), limited((clientY - top) / height)];
  }

  function place() {
    const { clientWidth, clientHeight } = element;
    if (Math.hypot((to[0] - from[0]) * clientWidth, (to[1] - from[1]) * clientHeight) < DRAG) return to;
    const [[left, right], [top, bottom]] = [0, 1].map((axis) => [from[axis], to[axis]].sort((a, b) => a - b));
    return [left, top, right, bottom];
  }

  function move(point, byKeyboard = false) {
    to = point;
    drawn(byKeyboard || place().length > 2 ? place() : null, byKeyboard);
  }

  function drop() {
    from = to = null;
    drawn(null, false);
  }

  function end() {
    const meant = place();
    drop();
    chosen(meant);
  }

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    element.setPointerCapture(event.pointerId);
    from = to = at(event);
  });
  element.addEventListener("pointermove", (event) => event.buttons && from && move(at(event)));
  element.addEventListener("pointerup", () => from && end());
  element.addEventListener("pointercancel", drop); // the browser scrolls, or two fingers zoom

  element.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (arrow && !event.ctrlKey && !event.metaKey) {
      const before = to ?? [0.5, 0.5];
      const point = before.map((share, axis) => limited(share + arrow[axis] * (event.altKey ? FINE : STEP)));
      from = event.shiftKey ? (from ?? before) : point;
      move(point, true);
    } else if ((event.key === "Enter" || event.key === " ") && from) end();
    else if (event.key === "Escape" && from) drop();
    else return;
    event.preventDefault();
  });
  element.addEventListener("blur", () => from && drop());
}

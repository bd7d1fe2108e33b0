/** Input of a place in the photo by mouse, finger or keyboard: a click is a point, a drag is a box. */

/** Pixels of the screen from which a movement counts as a drag. */
const DRAG = 6;
/** Milliseconds that a finger must rest before it draws; earlier movements scroll the page. */
const REST = 250;
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

  const pointer = (name, heard) =>
    element.addEventListener(name, (event) => event.pointerType !== "touch" && heard(event));
  pointer("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    from = to = at(event);
  });
  pointer("pointermove", (event) => event.buttons && from && move(at(event)));
  pointer("pointerup", () => from && end());
  pointer("pointercancel", drop);

  let timer = 0;
  let rested = false;
  const touch = (name, heard) => element.addEventListener(name, heard, { passive: false });
  touch("touchstart", ({ touches }) => {
    clearTimeout(timer);
    rested = false;
    if (touches.length > 1) return void drop();
    from = to = at(touches[0]);
    timer = setTimeout(() => ((rested = true), drawn([...from, ...from], false)), REST);
  });
  touch("touchmove", (event) => {
    if (!from) return;
    const point = at(event.touches[0]);
    if (rested) {
      event.preventDefault(); // stops the page from scrolling
      return void move(point);
    }
    to = point;
    if (place().length === 2) return;
    clearTimeout(timer);
    drop();
  });
  touch("touchend", (event) => {
    clearTimeout(timer);
    if (!from) return;
    event.preventDefault(); // suppresses the emulated mouse events
    end();
  });
  touch("touchcancel", () => (clearTimeout(timer), drop()));
  element.addEventListener("contextmenu", (event) => rested && event.preventDefault());

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

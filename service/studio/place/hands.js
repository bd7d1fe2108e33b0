/** Moving, scaling and turning the product by mouse and fingers; the arrow keys move it. */

/** Steps of the arrow keys as shares of the picture: plain, with Shift, with Alt. */
const STEPS = { plain: 0.01, wide: 0.05, fine: 0.002 };
/** Distance from the default position or angle that snaps to it, in shares of the picture and in degrees. */
const SNAP = 0.006;
const SNAP_TURN = 0.6;

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * @param {HTMLElement} sheet the picture's area
 * @param {HTMLElement} box around the product, with the handles; receives the keys
 * @param actions {placement(), pivot(), move(placement), done()}; `pivot`: the centre of rotation, as shares of
 *   the picture
 */
export function listenToHands(sheet, box, { placement, pivot, move, done }) {
  const held = new Map();
  /** The state at the start of a gesture: {does, placement, fingers, from}. */
  let gesture = null;

  const at = (event) => {
    const { left, top, width, height } = sheet.getBoundingClientRect();
    return { x: (event.clientX - left) / width, y: (event.clientY - top) / height, ratio: width / height };
  };

  sheet.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button !== 0) return;
    if (held.size > 1) return;
    event.preventDefault();
    box.focus({ preventScroll: true });
    sheet.setPointerCapture(event.pointerId);
    held.set(event.pointerId, at(event));
    begin(event.target.closest("[data-does]")?.dataset.does ?? "move");
  });

  sheet.addEventListener("pointermove", (event) => {
    if (!held.has(event.pointerId)) return;
    held.set(event.pointerId, at(event));
    go();
  });

  const up = (event) => {
    if (!held.delete(event.pointerId)) return;
    if (held.size) begin("nothing"); // the finger that is left must be lifted first
    else {
      gesture = null;
      done();
    }
  };
  sheet.addEventListener("pointerup", up);
  sheet.addEventListener("pointercancel", up);

  box.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const now = placement();
    const step = event.altKey ? STEPS.fine : event.shiftKey ? STEPS.wide : STEPS.plain;
    move({ ...now, shift_x: now.shift_x + arrow[0] * step, shift_y: now.shift_y + arrow[1] * step });
    done();
  });

  function begin(does) {
    const fingers = [...held.values()];
    gesture = { does: held.size > 1 ? "pinch" : does, placement: placement(), fingers, from: pivot() };
  }

  function go() {
    const { does, placement: was, fingers, from } = gesture;
    const now = [...held.values()];
    if (does === "move") {
      const [dx, dy] = [now[0].x - fingers[0].x, now[0].y - fingers[0].y];
      move({ ...was, shift_x: snapped(was.shift_x + dx, SNAP), shift_y: snapped(was.shift_y + dy, SNAP) });
    } else if (does === "scale") {
      move({ ...was, scale: (was.scale * apart(now[0], from)) / Math.max(1e-3, apart(fingers[0], from)) });
    } else if (does === "turn") {
      move({ ...was, turn: snapped(was.turn + turned(towards(now[0], from) - towards(fingers[0], from)), SNAP_TURN) });
    } else if (does === "pinch") {
      const middle = (both, axis) => (both[0][axis] + both[1][axis]) / 2;
      move({
        ...was,
        shift_x: was.shift_x + middle(now, "x") - middle(fingers, "x"),
        shift_y: was.shift_y + middle(now, "y") - middle(fingers, "y"),
        scale: (was.scale * apart(...now)) / Math.max(1e-3, apart(...fingers)),
        turn: snapped(was.turn + turned(towards(...now) - towards(...fingers)), SNAP_TURN),
      });
    }
  }
}

const snapped = (value, near) => (Math.abs(value) < near ? 0 : value);
const apart = (one, other) => Math.hypot((one.x - other.x) * one.ratio, one.y - other.y);
/** Return the clockwise angle of the line between two points, in degrees. */
const towards = (to, from) => (180 / Math.PI) * Math.atan2(to.y - from.y, (to.x - from.x) * to.ratio);
const turned = (degrees) => ((degrees + 540) % 360) - 180;

/** Mouse, pen and fingers on the board: drawing, panning, the wheel, and pinching. */

/** A second finger within these milliseconds and CSS pixels cancels the stroke: the person meant to pinch. */
const SOON = 300;
const NEAR = 24;
/** Zoom exponent for one pixel of the wheel. */
const WHEEL = 0.0018;
/** Pixels of one line, for wheels that count in lines. */
const LINE = 32;

/**
 * Listen for pointers. With Shift a stroke continues in a straight line from the end of the last one.
 *
 * @param actions {tool(), seen(x, y)}: the tool's name; the mouse's position, or null
 */
export function listenToPointers(canvas, board, { tool, seen }) {
  const { viewport } = board;
  /** By pointer id: {x, y, does, from, since}. */
  const held = new Map();
  let pinch = null;

  const place = (event) => {
    const { left, top } = canvas.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button > 1) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    const [x, y] = place(event);
    const does = event.button === 1 ? "move" : tool();
    held.set(event.pointerId, { x, y, does, from: [x, y], since: event.timeStamp });
    if (held.size === 2 && event.pointerType === "touch") return startPinch(event);
    if (held.size > 1) return held.delete(event.pointerId);
    if (does !== "move") board.begin(...viewport.toPhoto(x, y), event.shiftKey);
  });

  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    if (event.pointerType !== "touch") seen(x, y);
    const one = held.get(event.pointerId);
    if (!one) return;
    const [dx, dy] = [x - one.x, y - one.y];
    [one.x, one.y] = [x, y];
    if (pinch) return goOnPinching();
    if (one.does === "move") return viewport.panBy(dx, dy);
    if (!board.drawing) return;
    const all = event.getCoalescedEvents?.() ?? [];
    for (const each of all.length ? all : [event]) board.to(...viewport.toPhoto(...place(each)));
  });

  const up = (event) => {
    if (!held.delete(event.pointerId)) return;
    if (pinch) {
      // The finger that is left draws nothing until it is lifted.
      pinch = null;
      for (const other of held.values()) other.does = "nothing";
      return;
    }
    if (event.type === "pointercancel") board.cancel();
    else if (board.drawing) board.end();
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => seen(null));

  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE : 1;
      if (event.shiftKey) return viewport.panBy(-(event.deltaX || event.deltaY) * lines, 0);
      // Browsers report a pinch on a trackpad as a wheel with the control key, in small steps.
      const strength = event.ctrlKey ? 4 * WHEEL : WHEEL;
      viewport.zoomBy(Math.exp(-event.deltaY * lines * strength), ...place(event));
    },
    { passive: false },
  );

  const far = ({ x, y, from }) => Math.hypot(x - from[0], y - from[1]);

  function startPinch({ timeStamp }) {
    const [first] = held.values();
    if (timeStamp - first.since < SOON && far(first) < NEAR) board.cancel();
    else board.end();
    pinch = fingers();
  }

  function fingers() {
    const [one, other] = [...held.values()];
    return { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2, apart: Math.hypot(one.x - other.x, one.y - other.y) };
  }

  function goOnPinching() {
    if (held.size < 2) return;
    const now = fingers();
    viewport.panBy(now.x - pinch.x, now.y - pinch.y);
    viewport.zoomBy(now.apart / Math.max(1, pinch.apart), now.x, now.y);
    pinch = now;
  }
}

/** Keyboard control of the board: the arrow keys move a cursor, which paints while the brush is down. */

/** Steps of the cursor in brush radii: plain, and with Shift. With Alt a step is one pixel of the photo. */
const STEP = 0.35;
const WIDE = 2;
const ZOOM = 1.25;

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The keys and their effects, shown to people. */
export const KEYS = [
  ["Arrows", "move the brush; with Shift farther, with Alt by a single pixel"],
  ["Space", "put the brush down, and lift it again"],
  ["L", "draw a straight line from where the last stroke ended; with the mouse Shift and a click"],
  ["E   B   G   M", "Erase, Bring back, Glass, Move"],
  ["[   ]", "smaller and larger brush"],
  ["+   −   0   1", "zoom in, zoom out, whole photo, 1:1; the wheel and two fingers do it, too"],
  ["Ctrl + Z", "undo; with Shift redo"],
  ["Escape", "lift the brush, or leave"],
];

/**
 * Listen in the whole window. Arrows, space and Enter work on the canvas only: elsewhere they belong to sliders and
 * buttons.
 *
 * @param actions {choose(name), size(by), cursor(x, y), say(words)}
 */
export function listenToKeys(dialog, canvas, board, actions) {
  const { viewport } = board;
  let at = null;

  function lift() {
    if (!board.drawing) return false;
    board.end();
    actions.say("Brush up.");
    return true;
  }

  function press() {
    if (!board.paints || lift()) return;
    board.begin(...at);
    actions.say("Brush down.");
  }

  function line() {
    if (!board.paints) return;
    board.begin(...at, true);
    board.end();
    actions.say("A line is drawn.");
  }

  function move([dx, dy], event) {
    const step = event.altKey ? 1 : Math.max(1, board.radius * (event.shiftKey ? WIDE : STEP));
    const { width, height } = viewport.photo;
    at = [Math.min(width, Math.max(0, at[0] + dx * step)), Math.min(height, Math.max(0, at[1] + dy * step))];
    if (board.drawing) board.to(...at);
  }

  canvas.addEventListener("blur", lift);
  dialog.addEventListener("keydown", (event) => {
    const here = event.target === canvas;
    if (!here && (event.key.length > 1 || event.key === " ")) return;
    if (event.ctrlKey || event.metaKey) return; // the window handles undo and redo
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    at ??= viewport.toPhoto(viewport.window.width / 2, viewport.window.height / 2);
    const does = {
      " ": press,
      Enter: press,
      e: () => actions.choose("erase"),
      b: () => actions.choose("keep"),
      g: () => actions.choose("glass"),
      m: () => actions.choose("move"),
      l: line,
      "[": () => actions.size(-1),
      "]": () => actions.size(1),
      "+": () => viewport.zoomBy(ZOOM, ...viewport.toWindow(...at)),
      "=": () => viewport.zoomBy(ZOOM, ...viewport.toWindow(...at)),
      "-": () => viewport.zoomBy(1 / ZOOM, ...viewport.toWindow(...at)),
      0: () => viewport.fit(),
      1: () => viewport.showPixels(),
    }[key];
    if (ARROWS[key]) move(ARROWS[key], event);
    else if (key === "Escape" && board.drawing) lift();
    else if (does) does();
    else return;
    event.preventDefault();
    event.stopPropagation();
    if (!here) return;
    if (key !== "0" && key !== "1") viewport.reveal(...at);
    actions.cursor(...viewport.toWindow(...at));
  });
}

/** Keyboard control of the board: the arrow keys move a cursor, which paints while the brush is down. */

/** Steps of the cursor in brush radii: plain, and with Shift. With Alt a step is one pixel of the photo. */
const STEP = 0.35;
const WIDE = 2;
/** Share of the window by which the view moves. */
const PAN = 0.2;
const ZOOM = 1.25;

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const PANS = { a: [1, 0], d: [-1, 0], w: [0, 1], s: [0, -1] };

/** The keys and their effects, shown to people. */
export const KEYS = [
  ["Arrows", "move the brush; with Shift farther, with Alt by a single pixel"],
  ["Space", "put the brush down, and lift it again; picks with “Pick things”"],
  ["L", "draw a straight line from where the last stroke ended; with the mouse Shift and a click"],
  ["E   B   G   P   M", "Erase, Bring back, Glass, Pick things, Move"],
  ["[   ]", "smaller and larger brush; with Shift softer and harder"],
  [",   .", "less and more opacity of the brush for glass"],
  ["F", "snap to edges, or not"],
  ["+   −   0   1", "zoom in, zoom out, whole photo, 1:1; the wheel and two fingers do it, too"],
  ["W   A   S   D", "move the view"],
  ["C", "compare with the photo"],
  ["Ctrl + Z", "undo; with Shift redo"],
  ["Escape", "lift the brush, or leave"],
];

/**
 * Listen in the whole window. Arrows, space and Enter work on the canvas only: elsewhere they belong to sliders and
 * buttons.
 *
 * @param actions {tool(), choose(name), size(by), hardness(by), opacity(by), follow(), compare(), pick(x, y), cursor(x,
 *   y), say(words)}
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
    if (actions.tool() === "pick") return actions.pick(...at);
    if (!board.paints || lift()) return undefined;
    board.begin(...at);
    return actions.say("Brush down.");
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
    if (!here && (event.key.length > 1 || event.key === " " || event.target.matches("[type=text]"))) return undefined;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    at ??= viewport.toPhoto(viewport.window.width / 2, viewport.window.height / 2);
    const command = event.ctrlKey || event.metaKey;
    if (command) return undefined; // the window handles undo and redo
    const does = {
      " ": press,
      Enter: press,
      e: () => actions.choose("erase"),
      b: () => actions.choose("keep"),
      g: () => actions.choose("glass"),
      p: () => actions.choose("pick"),
      m: () => actions.choose("move"),
      l: line,
      f: actions.follow,
      c: actions.compare,
      "[": () => actions.size(-1),
      "]": () => actions.size(1),
      "{": () => actions.hardness(-1),
      "}": () => actions.hardness(1),
      ",": () => actions.opacity(-1),
      ".": () => actions.opacity(1),
      "+": () => viewport.zoomBy(ZOOM, ...viewport.toWindow(...at)),
      "=": () => viewport.zoomBy(ZOOM, ...viewport.toWindow(...at)),
      "-": () => viewport.zoomBy(1 / ZOOM, ...viewport.toWindow(...at)),
      0: () => viewport.fit(),
      1: () => viewport.showPixels(),
    }[key];
    const pan = PANS[key];
    if (ARROWS[key]) move(ARROWS[key], event);
    else if (pan) viewport.panBy(pan[0] * PAN * viewport.window.width, pan[1] * PAN * viewport.window.height);
    else if (key === "Escape" && board.drawing) lift();
    else if (does) does();
    else return undefined;
    event.preventDefault();
    event.stopPropagation();
    if (!here) return undefined;
    if (!pan && key !== "0" && key !== "1") viewport.reveal(...at);
    actions.cursor(...viewport.toWindow(...at));
    return undefined;
  });
}

/**
 * Moves the product from the planned position.
 *
 * Lengths are in heights of the picture, so that it is `ratio` wide and 1 high. Boxes are [left, top, right, bottom].
 * This is an approximation for dragging; a preview shows the service's result.
 */

/**
 * Height of the foot or hook as a share of the product, and the share that may be outside the picture. As in the
 * pipeline.
 */
const FOOT = 0.12;
export const MOST_LOST = 0.25;
const SIDES = ["left", "top", "right", "bottom"];

/**
 * Return {base, seen} of a planned place {box, anchor, edges}, in a picture `ratio` wide.
 *
 * `base`: the box without a placement; `seen`: the anchor for scaling, and the edges that the product must reach.
 * `aspect`: the product's width over height.
 */
export function planned({ box: [left, top, right, bottom], anchor, edges }, aspect, ratio) {
  // An old plan may have another shape: use its centre and height until the new plan arrives.
  const [middle, half] = [((left + right) / 2) * ratio, ((bottom - top) * aspect) / 2];
  return { base: [middle - half, top, middle + half, bottom], seen: { anchor, edges } };
}

function scaled([left, top, right, bottom], { shift_x, shift_y, scale }, ratio, { edges, anchor }) {
  const sides = edges.includes("left") !== edges.includes("right");
  const x = sides ? (edges.includes("left") ? left : right) : (left + right) / 2;
  const y = { foot: bottom, hook: top, middle: (top + bottom) / 2 }[anchor];
  const across = (side) => x + (side - x) * scale + shift_x * ratio;
  const down = (side) => y + (side - y) * scale + shift_y;
  return [across(left), down(top), across(right), down(bottom)];
}

/** Return {box, pivot, bounds} of a product after a placement, as `pipeline.placement.adjust` computes them. */
export function placed(base, placement, outline, ratio, seen) {
  const box = scaled(base, placement, ratio, seen);
  const [left, top, right, bottom] = box;
  const { rows } = outline;
  let pivot = [(left + right) / 2, (top + bottom) / 2];
  if (seen.anchor !== "middle") {
    const hook = seen.anchor === "hook";
    const end = rows.filter(([, , y]) => (hook ? y <= FOOT : y >= 1 - FOOT));
    const middle = end.length ? (Math.min(...end.map(([x0]) => x0)) + Math.max(...end.map(([, x1]) => x1))) / 2 : 0.5;
    pivot = [left + middle * (right - left), hook ? top : bottom];
  }
  if (!placement.turn) return { box, pivot, bounds: box };
  const angle = (placement.turn * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  let bounds = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x0, x1, y] of rows) {
    for (const share of [x0, x1]) {
      const across = left + share * (right - left) - pivot[0];
      const down = top + y * (bottom - top) - pivot[1];
      const [x, at] = [pivot[0] + cos * across - sin * down, pivot[1] + sin * across + cos * down];
      bounds = [Math.min(bounds[0], x), Math.min(bounds[1], at), Math.max(bounds[2], x), Math.max(bounds[3], at)];
    }
  }
  // The foot stays on the ground, the hook on the wall.
  const drop = { foot: bottom - bounds[3], hook: top - bounds[1], middle: 0 }[seen.anchor];
  const lower = (one) => [one[0], one[1] + drop, one[2], one[3] + drop];
  return { box: lower(box), pivot: [pivot[0], pivot[1] + drop], bounds: lower(bounds) };
}

/** Return {lost, shown, margins}: share outside the picture, visible cut edges, violated margins. */
export function judged({ bounds }, preset, ratio, { edges }) {
  const [left, top, right, bottom] = bounds;
  const inside = (start, end, whole) => Math.max(0, Math.min(end, whole) - Math.max(start, 0));
  const seen = inside(left, right, ratio) * inside(top, bottom, 1);
  const free = { left: left / ratio, top, right: 1 - right / ratio, bottom: 1 - bottom };
  return {
    lost: 1 - seen / ((right - left) * (bottom - top)),
    shown: edges.filter((side) => free[side] > 0.004),
    margins: SIDES.filter((side, i) => !edges.includes(side) && free[side] < preset.margins[i] - 0.004),
  };
}

/** A stroke of the brush on a mask. */

import { islands } from "./crumbs.js";
import { Edges } from "./edges.js";
import { around, TILE } from "./mask.js";

/** Share of the radius within which the brush covers fully. */
const HARDNESS = 0.8;

export class Stroke {
  /** Tile index to the bytes before the stroke, for undo. */
  before = new Map();
  #cover = new Map();
  #mask;
  #levels;
  #brush;
  #path = [];

  /**
   * @param {Mask} mask
   * @param {object[]} levels the photo's pyramid
   * @param {{value, radius, follows}} brush `value`: 0 (left out) to 255 (kept); radius in the photo's pixels;
   *   `follows`: snap to the photo's edges
   */
  constructor(mask, levels, brush) {
    this.#mask = mask;
    this.#levels = levels;
    this.#brush = brush;
  }

  /**
   * Draw to a point and return the rectangle that may have changed; null if it is outside the mask.
   *
   * Edges are found for each piece at once. A point more than two radii from the last one follows edges worse.
   */
  to(x, y) {
    const [x0, y0] = this.#path.at(-1) ?? [x, y];
    this.#path.push([x, y]);
    const changed = this.#draw([x0, y0, x, y]);
    if (changed) this.#mask.refresh(changed);
    return changed;
  }

  /** Also paint islands in the path of a stroke that follows edges. Returns the changed rectangle, or null. */
  end() {
    const { value, follows } = this.#brush;
    if (!follows || !this.before.size || (value > 0 && value < 255)) return null;
    const { level, cells } = islands(this.#mask, this.#path, this.#brush);
    const { data, width, height } = this.#mask;
    const size = 2 ** level;
    let changed = null;
    for (let i = 0; i < cells.length; i += 2) {
      const [left, top] = [cells[i] * size, cells[i + 1] * size];
      const cell = { left, top, right: Math.min(width, left + size), bottom: Math.min(height, top + size) };
      for (let y = top; y < cell.bottom; y++) {
        data.fill(value, y * width + left, y * width + cell.right);
      }
      changed = around(changed, cell);
    }
    if (changed) this.#mask.refresh(changed);
    return changed;
  }

  /** Revert the stroke and return the changed rectangle, or null. */
  cancel() {
    let changed = null;
    for (const [index, bytes] of this.before) {
      this.#mask.put(index, bytes);
      changed = around(changed, this.#mask.tile(index));
    }
    if (changed) this.#mask.refresh(changed);
    return changed;
  }

  #draw(path) {
    const { radius, follows } = this.#brush;
    const [x0, y0, x1, y1] = path;
    const area = {
      left: Math.max(0, Math.floor(Math.min(x0, x1) - radius)),
      top: Math.max(0, Math.floor(Math.min(y0, y1) - radius)),
      right: Math.min(this.#mask.width, Math.ceil(Math.max(x0, x1) + radius) + 1),
      bottom: Math.min(this.#mask.height, Math.ceil(Math.max(y0, y1) + radius) + 1),
    };
    if (area.left >= area.right || area.top >= area.bottom) return null;
    const edges = follows ? new Edges(this.#levels, path, radius) : null;
    for (const index of this.#mask.tilesOf(area)) this.#drawTile(index, area, path, edges);
    return area;
  }

  #drawTile(index, area, [x0, y0, x1, y1], edges) {
    const { data, width } = this.#mask;
    const tile = this.#mask.tile(index);
    if (!this.before.has(index)) {
      this.before.set(index, this.#mask.copied(index));
      this.#cover.set(index, new Uint8Array(TILE * TILE));
    }
    const before = this.before.get(index);
    const cover = this.#cover.get(index);
    const { value: target, radius } = this.#brush;
    // The rim is at least one pixel wide, against jagged edges.
    const inner = Math.min(HARDNESS * radius, radius - 1);
    const [outer2, inner2, rim] = [radius * radius, inner > 0 ? inner * inner : 0, radius - Math.max(inner, 0)];
    const [dx, dy] = [x1 - x0, y1 - y0];
    const length2 = dx * dx + dy * dy || 1;
    const [left, right] = [Math.max(tile.left, area.left), Math.min(tile.right, area.right)];
    const [top, bottom] = [Math.max(tile.top, area.top), Math.min(tile.bottom, area.bottom)];
    for (let y = top; y < bottom; y++) {
      const py = y + 0.5 - y0;
      const own = (y - tile.top) * (tile.right - tile.left) - tile.left;
      const covered = (y - tile.top) * TILE - tile.left;
      for (let x = left; x < right; x++) {
        const px = x + 0.5 - x0;
        let along = (px * dx + py * dy) / length2;
        along = along < 0 ? 0 : along > 1 ? 1 : along;
        const [ax, ay] = [px - along * dx, py - along * dy];
        const away2 = ax * ax + ay * ay;
        if (away2 >= outer2) continue;
        let cover_ = 255;
        if (away2 > inner2) {
          const share = (radius - Math.sqrt(away2)) / rim;
          cover_ = share >= 1 ? 255 : 255 * share * share * (3 - 2 * share);
        }
        if (cover_ <= cover[covered + x]) continue;
        if (edges) cover_ = (cover_ * edges.at(x, y)) / 255;
        if (cover_ <= cover[covered + x]) continue;
        cover[covered + x] = cover_;
        const was = before[own + x];
        data[y * width + x] = was + ((target - was) * cover[covered + x]) / 255 + 0.5;
      }
    }
  }
}

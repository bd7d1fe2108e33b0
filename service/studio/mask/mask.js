/** A mask of a photo's size with its pyramid. Changes are copied in tiles. */

import { sizes } from "./raster.js";

/** Side of a tile in pixels; history copies the tiles that a stroke touches. */
export const TILE = 256;

/** 0: left out, 255: kept. */
export class Mask {
  /** @param {{width, height, data}} picture grey bytes, row by row; the mask takes ownership */
  constructor({ width, height, data }) {
    this.width = width;
    this.height = height;
    this.across = Math.ceil(width / TILE);
    this.levels = sizes(width, height).map(([w, h], level) => ({
      width: w,
      height: h,
      data: level === 0 ? data : new Uint8Array(w * h),
    }));
    this.refresh(this.whole);
  }

  get data() {
    return this.levels[0].data;
  }

  get whole() {
    return { left: 0, top: 0, right: this.width, bottom: this.height };
  }

  /** Recompute the pyramid for a changed rectangle of whole pixels. */
  refresh({ left, top, right, bottom }) {
    for (let level = 1; level < this.levels.length; level++) {
      const { width: w, height: h, data: from } = this.levels[level - 1];
      const { width, data } = this.levels[level];
      [left, top, right, bottom] = [left >> 1, top >> 1, (right + 1) >> 1, (bottom + 1) >> 1];
      for (let y = top; y < bottom; y++) {
        const upper = 2 * y * w;
        const lower = Math.min(2 * y + 1, h - 1) * w;
        for (let x = left; x < right; x++) {
          const a = 2 * x;
          const b = Math.min(a + 1, w - 1);
          data[y * width + x] = (from[upper + a] + from[upper + b] + from[lower + a] + from[lower + b] + 2) >> 2;
        }
      }
    }
  }

  /** Return a tile's rectangle, smaller at the right and bottom edges. */
  tile(index) {
    const left = (index % this.across) * TILE;
    const top = Math.floor(index / this.across) * TILE;
    return { left, top, right: Math.min(left + TILE, this.width), bottom: Math.min(top + TILE, this.height) };
  }

  /** Return the indices of the tiles that a rectangle touches. */
  tilesOf({ left, top, right, bottom }) {
    const found = [];
    for (let row = Math.floor(top / TILE); row * TILE < bottom; row++) {
      for (let column = Math.floor(left / TILE); column * TILE < right; column++) {
        found.push(row * this.across + column);
      }
    }
    return found;
  }

  /** Return a copy of a tile's bytes, row by row. */
  copied(index) {
    const { left, top, right, bottom } = this.tile(index);
    const copy = new Uint8Array((right - left) * (bottom - top));
    for (let y = top, to = 0; y < bottom; y++, to += right - left) {
      copy.set(this.data.subarray(y * this.width + left, y * this.width + right), to);
    }
    return copy;
  }

  /** Write a tile's bytes back. */
  put(index, bytes) {
    const { left, top, right, bottom } = this.tile(index);
    for (let y = top, from = 0; y < bottom; y++, from += right - left) {
      this.data.set(bytes.subarray(from, from + right - left), y * this.width + left);
    }
  }
}

/** Return the smallest rectangle around two; null is empty. */
export function around(one, other) {
  if (!one || !other) return one ?? other;
  return {
    left: Math.min(one.left, other.left),
    top: Math.min(one.top, other.top),
    right: Math.max(one.right, other.right),
    bottom: Math.max(one.bottom, other.bottom),
  };
}

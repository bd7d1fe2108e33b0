/** Undo and redo for a mask, by the tiles from before each change. */

import { around } from "./mask.js";

/** Most bytes of tiles to keep; beyond, the oldest change is dropped. */
export const MOST_BYTES = 96 * 1024 * 1024;

export class History {
  #mask;
  #undo = [];
  #redo = [];
  #most;

  constructor(mask, most = MOST_BYTES) {
    this.#mask = mask;
    this.#most = most;
  }

  /** Add a change: a Map of tile index to the bytes before it. */
  add(tiles) {
    if (!tiles.size) return;
    this.#redo = [];
    this.#undo.push(tiles);
    while (this.bytes > this.#most && this.#undo.length > 1) this.#undo.shift();
  }

  get bytes() {
    return [...this.#undo, ...this.#redo]
      .flatMap((tiles) => [...tiles.values()])
      .reduce((sum, tile) => sum + tile.length, 0);
  }

  get canUndo() {
    return this.#undo.length > 0;
  }

  get canRedo() {
    return this.#redo.length > 0;
  }

  /** Return the changed rectangle, or null if there was nothing to undo. */
  undo() {
    return this.#swap(this.#undo, this.#redo);
  }

  redo() {
    return this.#swap(this.#redo, this.#undo);
  }

  #swap(from, to) {
    const tiles = from.pop();
    if (!tiles) return null;
    let changed = null;
    const before = new Map();
    for (const [index, bytes] of tiles) {
      before.set(index, this.#mask.copied(index));
      this.#mask.put(index, bytes);
      changed = around(changed, this.#mask.tile(index));
    }
    to.push(before);
    this.#mask.refresh(changed);
    return changed;
  }
}

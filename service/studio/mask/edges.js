/**
 * Finds the pixels under a brush that belong to the thing under its centre: they have its colours and are joined to it.
 * A flood fill within the brush, with a tolerance that is computed from the pixels.
 */

/** Largest radius of a brush in cells; larger brushes use a coarser level of the photo. */
const CELLS = 30;
/** Share of the radius that is the brush's core. Its colours are sampled, and it is always painted. */
const CORE = 0.16;
/** Most colours of the core, and the least distance between them (0–255). */
const MOST_COLOURS = 6;
const APART = 16;
/** Bounds of the tolerance, and the least distance between the two classes of pixels. */
const LEAST_TOLERANCE = 11;
const MOST_TOLERANCE = 46;
const SEPARATE = 20;
/** Costs, in tolerances, at which the weight begins to fade and reaches 0: the ramp of a blurred edge. */
const FULL = 0.6;
const NONE = 1.4;

const mean = (a, b) => (a & b) + (((a ^ b) & 0xfefefefe) >>> 1);
/** Cells by whole cost, for the flood. */
const BUCKETS = Array.from({ length: 256 }, () => []);

/** Squared distance of two RGB pixels. Colour counts more than light, so that shadows separate nothing. */
function distance2(one, other) {
  const r = (one & 255) - (other & 255);
  const g = ((one >> 8) & 255) - ((other >> 8) & 255);
  const b = ((one >> 16) & 255) - ((other >> 16) & 255);
  const light = 0.3 * r + 0.6 * g + 0.1 * b;
  const red = 0.8 * (r - g);
  const blue = 0.4 * (r + g) - 0.8 * b;
  return light * light + red * red + blue * blue;
}

/** The weights of one piece of a stroke, 0 to 255. */
export class Edges {
  /**
   * @param {object[]} levels the photo's pyramid
   * @param {number[]} path x and y of the start, x and y of the end, in the photo's pixels
   * @param {number} radius the brush's, in the photo's pixels
   */
  constructor(levels, path, radius) {
    let level = 0;
    while (radius / 2 ** level > CELLS && level < levels.length - 1) level++;
    this.#photo = levels[0];
    this.#half = levels[Math.min(1, level)];
    this.#halfShift = Math.min(1, level);
    this.#level = level;
    this.#cut(levels[level], path, radius);
    this.#flood();
    this.#decide();
  }

  #photo;
  #half;
  #halfShift;
  #level;
  #left;
  #top;
  #width;
  #height;
  #pixels;
  /** 0: outside the brush, 1: in it, 2: in its core. */
  #where;
  #colours = [];
  #cost;
  #tolerance;
  /** The weight of each cell. Where `unsure` is set, the weight changes nearby and each pixel is computed. */
  #weights;
  #unsure;

  /** Return the weight of a pixel. */
  at(x, y) {
    const cell = ((y >> this.#level) - this.#top) * this.#width + (x >> this.#level) - this.#left;
    if (!this.#unsure[cell]) return this.#weights[cell];
    const { width, data } = this.#photo;
    const half = this.#half.data[(y >> this.#halfShift) * this.#half.width + (x >> this.#halfShift)];
    // Averaged with its surroundings: a pixel's own noise would fray the edge.
    const own = Math.sqrt(this.#likeness(mean(data[y * width + x], half)));
    return this.#ramp(Math.max(own, this.#near(cell)));
  }

  #cut({ width: w, height: h, data }, [x0, y0, x1, y1], radius) {
    const scale = 2 ** -this.#level;
    const [ax, ay, bx, by, r] = [x0 * scale, y0 * scale, x1 * scale, y1 * scale, radius * scale];
    this.#left = Math.max(0, Math.floor(Math.min(ax, bx) - r) - 1);
    this.#top = Math.max(0, Math.floor(Math.min(ay, by) - r) - 1);
    this.#width = Math.max(1, Math.min(w, Math.ceil(Math.max(ax, bx) + r) + 2) - this.#left);
    this.#height = Math.max(1, Math.min(h, Math.ceil(Math.max(ay, by) + r) + 2) - this.#top);
    const count = this.#width * this.#height;
    this.#pixels = new Uint32Array(count);
    this.#where = new Uint8Array(count);
    const core = Math.max(0.75, CORE * r) ** 2;
    const brush = (r + 1) ** 2;
    const [dx, dy] = [bx - ax, by - ay];
    const length2 = dx * dx + dy * dy || 1;
    for (let y = 0, at = 0; y < this.#height; y++) {
      const from = (this.#top + y) * w + this.#left;
      for (let x = 0; x < this.#width; x++, at++) {
        const pixel = (this.#pixels[at] = data[from + x]);
        const [px, py] = [this.#left + x + 0.5 - ax, this.#top + y + 0.5 - ay];
        const along = Math.min(1, Math.max(0, (px * dx + py * dy) / length2));
        const away = (px - along * dx) ** 2 + (py - along * dy) ** 2;
        if (away > brush) continue;
        this.#where[at] = away <= core ? 2 : 1;
        if (away <= core) this.#learn(pixel);
      }
    }
  }

  /** Add a new colour of the core. */
  #learn(pixel) {
    if (this.#colours.length >= MOST_COLOURS) return;
    for (const known of this.#colours) if (distance2(pixel, known) < APART * APART) return;
    this.#colours.push(pixel);
  }

  /** Return the squared distance to the nearest colour of the core. */
  #likeness(pixel) {
    let least = Infinity;
    for (const colour of this.#colours) {
      const found = distance2(pixel, colour);
      if (found < least) least = found;
    }
    return least;
  }

  /** Compute each cell's cost: the worst step on the best path from the core (a minimax path, by Dijkstra). */
  #flood() {
    const [width, where] = [this.#width, this.#where];
    const cost = (this.#cost = new Uint8Array(where.length).fill(255));
    for (let cell = 0; cell < where.length; cell++) {
      if (where[cell] !== 2) continue;
      cost[cell] = 0;
      BUCKETS[0].push(cell);
    }
    for (let level = 0; level < 256; level++) {
      for (const cells = BUCKETS[level]; cells.length; ) {
        const cell = cells.pop();
        if (cost[cell] < level) continue;
        const x = cell % width;
        if (x > 0) this.#step(cell - 1, level);
        if (x < width - 1) this.#step(cell + 1, level);
        if (cell >= width) this.#step(cell - width, level);
        if (cell + width < where.length) this.#step(cell + width, level);
      }
    }
  }

  #step(cell, level) {
    if (this.#where[cell] === 0 || this.#cost[cell] <= level) return;
    const own = Math.min(254, Math.sqrt(this.#likeness(this.#pixels[cell])));
    const cost = Math.max(level, own | 0);
    if (cost >= this.#cost[cell]) return;
    this.#cost[cell] = cost;
    BUCKETS[cost].push(cell);
  }

  /** Find the tolerance that separates the brush's cells best (Otsu, 1979), and each cell's weight. */
  #decide() {
    const counts = new Uint32Array(256);
    const [where, cost] = [this.#where, this.#cost];
    for (let cell = 0; cell < where.length; cell++) if (where[cell] === 1) counts[cost[cell]]++;
    this.#tolerance = tolerance(counts);
    this.#weights = cost.map((value, cell) => (where[cell] === 2 ? 255 : this.#ramp(value)));
    this.#unsure = new Uint8Array(cost.length);
    if (this.#level === 0) return; // a cell is a pixel
    const data = this.#weights;
    for (let y = 1; y < this.#height - 1; y++) {
      for (let x = 1; x < this.#width - 1; x++) {
        const cell = y * this.#width + x;
        if (where[cell] === 2) continue;
        const own = data[cell];
        const near = [cell - 1, cell + 1, cell - this.#width, cell + this.#width];
        if ((own > 0 && own < 255) || near.some((other) => Math.abs(data[other] - own) > 8)) this.#unsure[cell] = 1;
      }
    }
  }

  /** Return the least cost around a cell, since an edge may run anywhere in it. */
  #near(cell) {
    const [width, cost] = [this.#width, this.#cost];
    return Math.min(cost[cell], cost[cell - 1], cost[cell + 1], cost[cell - width], cost[cell + width]);
  }

  #ramp(cost) {
    const share = (NONE - cost / this.#tolerance) / (NONE - FULL);
    return share >= 1 ? 255 : share <= 0 ? 0 : Math.round(255 * share);
  }
}

function tolerance(counts) {
  let [all, sum] = [0, 0];
  for (let i = 0; i < 256; i++) {
    all += counts[i];
    sum += i * counts[i];
  }
  let [below, belowSum, best] = [0, 0, -1];
  let [low, high] = [0, 0];
  for (let i = 0; i < 255; i++) {
    below += counts[i];
    belowSum += i * counts[i];
    if (below === 0 || below === all) continue;
    const [one, other] = [belowSum / below, (sum - belowSum) / (all - below)];
    const between = below * (all - below) * (other - one) ** 2;
    if (between > best) [best, low, high] = [between, one, other];
  }
  const found = high - low < SEPARATE ? 1.6 * high : (low + high) / 2;
  return Math.min(MOST_TOLERANCE, Math.max(LEAST_TOLERANCE, found));
}

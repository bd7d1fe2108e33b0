/** The riskiest edges of a finished picture, pixel by pixel, and what its owner says about it. */

import { ask } from "../calls/api.js";
import { cutOut, fetched } from "../cutout/service.js";
import { pixelsOf } from "../order/palette.js";
import { attempt } from "../page/confirm.js";
import { fill, html, styled } from "../page/dom.js";

const MOST = 3;
/** Pixels of the screen between two places, so that each crop shows another one. */
const APART = 110;
/** Longer side in pixels of the small cut-out in which the outline is counted, and its cells along each side. */
const [SIDE, CELLS] = [256, 16];

/** Return the strip of a picture. `source`: its photo, {key} or {render}; `look(x, y)` shows a place, in shares. */
export function edges(render, source, look, signal) {
  const list = html`<ul class="crops"></ul>`;
  const { source_box: from, placed_box: to } = render.report.cutout ?? {};
  const failed = html`<p class="error" role="alert"></p>`;
  const right = html`<button class="button small" id="looks-right" onclick=${press}>Looks right</button>`;
  const mark = (said) => right.setAttribute("aria-pressed", String(said === true));
  mark(render.looks_right);
  if (to) show([]);
  if (to && from && source) cutOut(source, { signal }).then(doubts).then(show).catch((error) => console.info(error));
  return html`
    <section class="edges" aria-labelledby="edges-title">
      <h2 id="edges-title">Look at these edges</h2>
      ${list}<p class="row">${right}</p>${failed}
    </section>`;

  function press() {
    const said = right.getAttribute("aria-pressed") === "true" ? null : true;
    return attempt(failed, said ? "Kept. The gallery lists it under Looks right." : "Taken back.", async () => {
      await ask(`/v1/renders/${render.public_id}/review`, { method: "PUT", body: { looks_right: said } });
      mark(said);
    });
  }

  /** Return [name, x, y] of what a cut-out doubts, and of its finest parts, in shares of the picture. */
  async function doubts(cut) {
    const small = ({ box }) => box.width < cut.product_box.width / 2;
    const warned = cut.warnings.flatMap(({ boxes }) => boxes.map((box) => ({ box })));
    const found = [...cut.pieces.filter(({ answered }) => !answered), ...warned].filter(small).slice(0, 2);
    const centre = ({ box }) => [(box.left + box.width / 2) / cut.width, (box.top + box.height / 2) / cut.height];
    const fine = await finest(cut.preview_url, signal).catch(() => []);
    const placed = (at, i) => to[i] + ((at - from[i]) * (to[i + 2] - to[i])) / (from[i + 2] - from[i]);
    const named = (name) => (point) => [name, ...point.map(placed)];
    return [...found.map(centre).map(named("Doubtful")), ...fine.map(named("Fine parts"))];
  }

  function show(more) {
    if (list.contains(document.activeElement)) return;
    const [left, top, far, bottom] = to;
    const [x, y] = [(left + far) / 2, (top + bottom) / 2];
    const doubtful = more.filter(([name]) => name === "Doubtful");
    const sides = [["Top", x, top], ["Left side", left, y], ["Right side", far, y]];
    const chosen = [];
    for (const one of [...doubtful, ["Foot", x, bottom], ...more, ...sides]) {
      const away = ([, ax, ay]) => Math.hypot((ax - one[1]) * render.width, (ay - one[2]) * render.height);
      if (chosen.length < MOST && chosen.every((other) => away(other) > APART)) chosen.push(one);
    }
    fill(list, chosen.map(crop));
  }

  /** Crops by CSS alone: a storage without CORS lets no script read the picture. */
  function crop([name, x, y]) {
    const [wide, tall] = [render.width / devicePixelRatio, render.height / devicePixelRatio];
    const sizes = { "--x": `${x * wide}px`, "--y": `${y * tall}px`, "--wide": `${wide}px`, "--tall": `${tall}px` };
    const label = `${name}, pixel by pixel. Show it in the picture`;
    const kind = /^(png|webp)$/.test(render.format) ? "crop see-through" : "crop";
    const image = styled(html`<img src=${render.url} alt="" draggable="false" />`, sizes);
    return html`
      <li>
        <button class=${kind} aria-label=${label} onclick=${() => look(x, y)}>${image}</button>
        <span class="hint" aria-hidden="true">${name}</span>
      </li>`;
  }
}

/** Return the places [x, y] with most of the outline, in shares of the photo: straps, spokes, leaves. */
async function finest(url, signal) {
  const bitmap = await createImageBitmap(await fetched(url, signal));
  const scale = SIDE / Math.max(bitmap.width, bitmap.height);
  const { data, width, height } = pixelsOf(bitmap, Math.ceil(bitmap.width * scale), Math.ceil(bitmap.height * scale));
  const solid = (at) => data[4 * at + 3] > 127;
  const turns = (at) => solid(at) !== solid(at - 1) || solid(at) !== solid(at - width);
  const outline = Array.from({ length: width * height }, (_, at) => at).filter(turns);
  const places = outline.map((at) => [(at % width) / width, Math.floor(at / width) / height]);
  const cells = Map.groupBy(places, (place) => place.map((share) => Math.floor(share * CELLS)).join());
  const sorted = [...cells.values()].sort((a, b) => b.length - a.length);
  return sorted.map((cell) => cell[cell.length >> 1]);
}

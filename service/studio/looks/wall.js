/** The previews on the stage: side by side, and the chosen one large. */

import { ask } from "../calls/api.js";
import { fill, html, say, styled } from "../page/dom.js";
import { UNMOVED } from "../order/options.js";
import { waysOut } from "../place/ways_out.js";
import { REMEDIES, WARNINGS, counted, lostWords, ruleTitle, stageWords } from "../page/words.js";

/**
 * Return the wall of previews, which updates itself until `signal` is aborted.
 *
 * @param actions {place()} opens the placement
 */
export function looksWall(studio, { place, signal }) {
  const { looks, draft } = studio;
  const large = html`<figure class="look-large" hidden></figure>`;
  const list = html`<fieldset class="looks-list"></fieldset>`;
  const words = html`<p class="hint looks-words" role="status" tabindex="-1"></p>`;
  const stop = html`<button class="button small" id="stop-looks" onclick=${() => looks.stop()}>Stop</button>`;
  const apart = html`<button class="button small" onclick=${() => compare()}>Side by side</button>`;
  const move = html`<button class="button small" onclick=${place}>Place</button>`;
  const notes = html`<ul class="look-notes"></ul>`;
  const element = html`
    <div class="looks-wall">
      ${large}${list}
      <div class="caption">${words}${stop}${apart}${move}</div>
      ${notes}
    </div>`;
  /** Whether all are shown although one is chosen. */
  let compared = false;
  let tiles = new Map();
  /** By failed item: its error element. */
  const errors = new Map();
  let before = 0;
  looks.addEventListener("begun", () => (compared = false), { signal });
  looks.addEventListener("change", show, { signal });
  show();
  return element;

  function compare() {
    compared = true;
    show();
    list.querySelector("input:checked")?.focus();
  }

  function show() {
    const { items, chosen, large: shown } = looks;
    const alone = shown !== null && !compared;
    if (items.length !== tiles.size || items.some((item) => !tiles.has(item))) {
      tiles = new Map(items.map((item, i) => [item, tile(item, i)]));
      list.dataset.count = items.length;
      fill(list, html`<legend class="unseen">Previews</legend>`, [...tiles.values()].map(({ element: one }) => one));
    }
    for (const one of tiles.values()) one.show(chosen);
    styled(list, { "--ratio": ratio() });
    element.classList.toggle("alone", alone);
    large.hidden = !alone;
    if (alone && large.dataset.of !== shown.job.render.public_id) {
      large.dataset.of = shown.job.render.public_id;
      const { width, height } = shown.job.render;
      const words = shown.live ? "Your picture as you chose it" : "The preview that you chose";
      fill(styled(large, { "--ratio": width / height }), picture(shown, words));
    }
    large.classList.toggle("renewing", looks.coming !== null || (alone && !chosen));
    list.hidden = alone && items.length === 1;
    stop.hidden = !looks.busy;
    apart.hidden = !alone || items.length === 1;
    move.hidden = !alone;
    const there = items.filter((item) => item.job?.render).length;
    words.textContent = summary(there);
    if (there > before && there === items.length) say(`${counted(there, "preview")} to choose from.`);
    before = there;
    fill(notes, alone ? notesOf(shown.job.render) : troubles());
  }

  /** Width over height of the previews, or of the preset while none is ready. */
  function ratio() {
    const { width, height } = looks.items.find((item) => item.job?.render)?.job.render ?? draft.preset;
    return width ? width / height : 1;
  }

  function summary(there) {
    const { items, chosen, busy, lost, fresh } = looks;
    if (lost) return lostWords(lost);
    if (looks.coming) return there ? "The next preview is coming." : "Your preview is being made.";
    if (busy && !there) return "Your previews are being made.";
    if (busy) return `${there} of ${counted(items.length, "preview")} are ready.`;
    if (!there) return items.length ? "" : "There are no previews yet.";
    if (!fresh.length) return "These are from before your change.";
    if (chosen && !compared) return ""; // the order explains the result
    return items.length > 1 ? "Choose the one that you like." : "";
  }

  /** Return one error element for each error code. */
  function troubles() {
    const failed = looks.items.filter((item) => item.job?.error);
    const codes = new Map(failed.map((item) => [item.job.error.code, item]));
    return [...codes.values()].map((item) => {
      if (!errors.has(item)) errors.set(item, troubleOf(item)); // reuse the element, so that a button keeps its focus
      return errors.get(item);
    });
  }

  function troubleOf({ placement, job: { error: { code, message } } }) {
    const { stance, ...where } = JSON.parse(placement);
    const placeless = code === "no_honest_placement";
    const moved = placeless && Object.entries(where).some(([name, value]) => value !== UNMOVED[name]);
    const ways = placeless && !moved && waysOut(studio, draft.source, { stand, dress, signal });
    if (ways) ways.show(stance);
    return html`
      <li class="notice bad" data-code=${code}>
        <p role="alert">${message} ${placeless ? "" : (REMEDIES[code] ?? REMEDIES.internal_error)}</p>
        ${ways ? ways.element : moved && html`<button class="button small" onclick=${place}>Change its place</button>`}
      </li>`;
  }

  function stand(stance) {
    draft.change({ placement: { ...draft.placement, stance } });
    again();
  }

  function dress(scene_type) {
    draft.change({ scene_type });
    again();
  }

  /** Repeat all previews with the draft's current choices. */
  function again() {
    looks.make(looks.items.map(({ seed }) => seed));
    words.focus({ preventScroll: true }); // the pressed button is gone
    element.scrollIntoView({ block: "nearest" });
  }

  /** Return the notes that a person should read before paying. */
  function notesOf({ warnings, placement }) {
    const words = { ...WARNINGS };
    const broken = (placement?.breaks ?? []).map((rule) => ruleTitle(rule).toLowerCase());
    return [
      broken.length > 0 && html`
        <li class="notice" data-code="placement_breaks_rules">
          <strong>This breaks rules of the channel: </strong>${broken.join(", ")}.
        </li>`,
      ...warnings
        .filter((code) => code !== "upscaled" && words[code])
        .map((code) => html`<li class="hint" data-code=${code}>${words[code].join(" ")}</li>`),
    ];
  }

  function tile(item, i) {
    const radio = html`<input type="radio" name="chosen-look" value=${item.seed} onchange=${() => choose(item)} />`;
    const state = html`<span class="look-state"></span>`;
    const line = html`<span class="line"></span>`;
    const sheet = html`<span class="look-sheet">${line}</span>`;
    const again = html`<button class="link" onclick=${() => looks.again(item)}>Preview again</button>`;
    const box = html`
      <div class="look-tile">
        <label class="look">${radio}${sheet}<span class="unseen">Preview ${i + 1}</span></label>
        ${state}${again}
      </div>`;
    let shown = null;
    return { element: box, show: refresh };

    function refresh(chosen) {
      const { job, expired } = item;
      const render = expired ? null : (job?.render ?? null);
      const failed = Boolean(job?.error);
      box.dataset.state = expired ? "expired" : failed ? "failed" : render ? "done" : "running";
      radio.checked = item === chosen;
      radio.disabled = !render || !looks.fresh.includes(item);
      again.hidden = !expired;
      line.hidden = Boolean(render) || failed || expired;
      styled(line, { "--share": job?.progress ?? 0 });
      state.textContent = expired
        ? "This preview has expired."
        : failed
          ? "Could not be made"
          : render
            ? ""
            : job?.stage
              ? stageWords(job.stage)
              : "Waiting for its turn";
      if ((render?.public_id ?? null) === shown) return;
      shown = render?.public_id ?? null;
      sheet.replaceChildren(render ? picture(item, "") : "", line);
    }
  }

  function choose(item) {
    compared = false;
    looks.choose(item);
    say("Chosen. This is what you get.");
  }

  /** Return a preview's picture. Renews an expired URL once. */
  function picture(item, alt) {
    const { public_id, url, width, height } = item.job.render;
    const image = html`<img src=${url} alt=${alt} width=${width} height=${height} decoding="async" />`;
    image.addEventListener(
      "error",
      async () => {
        const render = await ask(`/v1/renders/${public_id}`, { signal }).catch((error) => error);
        if (signal.aborted) return;
        if (render.status === 404) return looks.expire(item);
        image.addEventListener("error", () => looks.expire(item), { once: true });
        if (render.url) image.src = render.url;
      },
      { once: true },
    );
    return image;
  }
}


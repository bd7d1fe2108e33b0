/** The looks on the stage: side by side, and the chosen one large. */

import { ask } from "../api.js";
import { fill, h, say, styled } from "../dom.js";
import { REMEDIES, WARNINGS, counted, lostWords, ruleTitle, stageWords } from "../words.js";

/**
 * Return the wall of looks; it keeps itself up to date until `signal`.
 *
 * @param actions {place()} shows the placement
 */
export function looksWall({ looks, draft }, { place, signal }) {
  const large = h("figure", { class: "look-large", hidden: true });
  const list = h("fieldset", { class: "looks-list" });
  const words = h("p", { class: "hint looks-words", role: "status" });
  const stop = h("button", { class: "button small", id: "stop-looks", onclick: () => looks.stop() }, "Stop");
  const apart = h("button", { class: "button small", onclick: () => compare() }, "Side by side");
  const move = h("button", { class: "button small", onclick: place }, "Move, scale, turn");
  const notes = h("ul", { class: "look-notes" });
  const element = h(
    "div",
    { class: "looks-wall" },
    large,
    list,
    h("div", { class: "caption" }, words, stop, apart, move),
    notes,
  );
  /** Compared side by side although one is chosen. */
  let compared = false;
  let tiles = new Map();
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
    const { items, chosen } = looks;
    const alone = chosen !== null && !compared;
    if (items.length !== tiles.size || items.some((item) => !tiles.has(item))) {
      tiles = new Map(items.map((item, i) => [item, tile(item, i)]));
      list.dataset.count = items.length;
      fill(list, h("legend", { class: "unseen" }, "Looks"), [...tiles.values()].map(({ element: one }) => one));
    }
    for (const one of tiles.values()) one.show(chosen);
    styled(list, { "--ratio": ratio() });
    element.classList.toggle("alone", alone);
    large.hidden = !alone;
    if (alone && large.dataset.of !== chosen.job.render.public_id) {
      large.dataset.of = chosen.job.render.public_id;
      const { width, height } = chosen.job.render;
      fill(large, styled(picture(chosen, "The look that you chose"), { "--ratio": width / height }));
    }
    list.hidden = alone && items.length === 1;
    stop.hidden = !looks.busy;
    apart.hidden = !alone || items.length === 1;
    move.hidden = !alone;
    const there = items.filter((item) => item.job?.render).length;
    words.textContent = summary(there);
    if (there > before && there === items.length) say(`${counted(there, "look")} to choose from.`);
    before = there;
    fill(notes, alone ? notesOf(chosen.job.render) : troubles());
  }

  /** Width over height of the looks, as far as it is known. */
  function ratio() {
    const { width, height } = looks.items.find((item) => item.job?.render)?.job.render ?? draft.preset;
    return width ? width / height : 1;
  }

  function summary(there) {
    const { items, chosen, busy, lost, fresh } = looks;
    if (lost) return lostWords(lost);
    if (busy) return there ? `${there} of ${counted(items.length, "look")} are there.` : "Your looks are being made.";
    if (!there) return items.length ? "" : "There are no looks yet.";
    if (!fresh.length) return "These are from before your change.";
    if (chosen && !compared) return ""; // the order says what comes of it
    return items.length > 1 ? "Choose the one that you like." : "";
  }

  /** What went wrong with all or some of them, each once. */
  function troubles() {
    const failed = looks.items.filter((item) => item.job?.error);
    const codes = new Map(failed.map((item) => [item.job.error.code, item.job.error]));
    return [...codes.values()].map(({ code, message }) =>
      h(
        "li",
        { class: "notice bad", role: "alert", "data-code": code },
        h("p", {}, `${message} ${REMEDIES[code] ?? REMEDIES.internal_error}`),
        code === "no_honest_placement"
          ? h("button", { class: "button small", onclick: place }, "Change its place")
          : null,
      ),
    );
  }

  /** What is to be known of a look before it is paid for. */
  function notesOf({ warnings, placement }) {
    const broken = placement?.breaks ?? [];
    return [
      broken.length
        ? h(
            "li",
            { class: "notice", "data-code": "placement_breaks_rules" },
            h("strong", {}, "Placed so, the channel's rules are not all kept: "),
            `${broken.map((rule) => ruleTitle(rule).toLowerCase()).join(", ")}.`,
          )
        : null,
      ...warnings
        .filter((code) => code !== "upscaled" && WARNINGS[code])
        .map((code) => h("li", { class: "hint", "data-code": code }, WARNINGS[code].join(" "))),
    ];
  }

  function tile(item, i) {
    const radio = h("input", { type: "radio", name: "chosen-look", value: item.seed, onchange: () => choose(item) });
    const sheet = h("span", { class: "look-sheet" });
    const state = h("span", { class: "look-state" });
    const line = h("span", { class: "line" });
    const again = h("button", { class: "link", onclick: () => looks.again(item) }, "Look again");
    const label = h("label", { class: "look" }, radio, sheet, h("span", { class: "unseen" }, `Look ${i + 1}`));
    const box = h("div", { class: "look-tile" }, label, state, again);
    sheet.append(line);
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
        ? "This look is no longer kept."
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

  /** Return a look's picture; an address that is no longer good is asked for anew, once. */
  function picture(item, alt) {
    const { public_id, url, width, height } = item.job.render;
    const image = h("img", { src: url, alt, width, height, decoding: "async" });
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


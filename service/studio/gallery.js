/** All pictures, newest first, page by page. */

import { ask } from "./api.js";
import { h, say } from "./dom.js";
import { madeAt } from "./stage.js";
import { titled, when } from "./words.js";

const PAGE = 24;

export async function galleryView(studio, _, signal) {
  const { output_presets } = studio.catalogue;
  const list = h("ul", { class: "gallery" });
  const more = h("button", { class: "button", id: "more", onclick: () => load().catch(wrong) }, "Show more");
  const words = h("p", { class: "hint", role: "status" });
  const select = h(
    "select",
    { id: "place", class: "text", onchange: () => load(true).catch(wrong) },
    h("option", { value: "" }, "Every place"),
    output_presets.map((preset) => h("option", { value: preset.name }, preset.title)),
  );
  let cursor = null;
  await load(true);
  return h(
    "div",
    { class: "sheet-page" },
    h(
      "div",
      { class: "page-head" },
      h("h1", {}, "Gallery"),
      h("div", {}, h("label", { class: "unseen", for: "place" }, "Place of publication"), select),
    ),
    list,
    words,
    h("p", { class: "row centre" }, more),
  );

  async function load(anew = false) {
    const query = new URLSearchParams({ limit: PAGE });
    if (select.value) query.set("output_preset", select.value);
    if (!anew && cursor) query.set("cursor", cursor);
    const page = await ask(`/v1/renders?${query}`, { signal });
    const tiles = page.items.map(tile);
    if (anew) list.replaceChildren(...tiles);
    else list.append(...tiles);
    cursor = page.next_cursor;
    more.hidden = !cursor;
    words.replaceChildren();
    if (!list.children.length)
      words.append(
        select.value ? "Nothing was made for this place yet." : "Nothing here yet. ",
        select.value ? "" : h("a", { href: "#/" }, "Make your first picture"),
      );
    if (!anew) {
      say(`${tiles.length} more pictures.`);
      tiles[0]?.querySelector("a").focus();
    }
  }

  function wrong(error) {
    if (!signal.aborted) words.textContent = error.message;
  }

  function tile(render) {
    const name = titled(output_presets, render.output_preset);
    const made = when(madeAt(render.public_id));
    const image = h("img", {
      src: render.url,
      alt: "",
      loading: "lazy",
      decoding: "async",
      width: render.width,
      height: render.height,
    });
    image.addEventListener("error", async () => (image.src = (await ask(`/v1/renders/${render.public_id}`)).url), {
      once: true,
    });
    return h(
      "li",
      {},
      h(
        "a",
        { href: `#/jobs/${render.job_id}` },
        h("span", { class: "tile-sheet" }, image),
        h("span", { class: "tile-name" }, name),
        h("span", { class: "hint" }, made),
      ),
    );
  }
}

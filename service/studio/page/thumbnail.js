/** Small pictures of renders and cut-outs, fetched with the key when they come into view. */

import { send } from "../calls/api.js";
import { cutout, fetched } from "../cutout/service.js";
import { h } from "./dom.js";
import { reduced } from "../calls/photo.js";

/** Longer side of a cut-out's picture, in pixels. */
const CUT_SIDE = 400;

/** Return an image of a render, decorative beside its name. `signal` is aborted when the person leaves the page. */
export function renderImage({ public_id, width, height }, signal) {
  const image = h("img", { alt: "", width, height, decoding: "async" });
  return whenSeen(image, load, signal);

  async function load() {
    const answer = await send(`/v1/renders/${public_id}/thumbnail`, {
      headers: { Accept: "image/webp" },
      cache: "default", // a render never changes
      signal,
    });
    image.src = URL.createObjectURL(await answer.blob());
    signal.addEventListener("abort", () => URL.revokeObjectURL(image.src));
  }
}

/** Return an image of a cut-out, stored with it so that it is scaled once. */
export function cutImage(cut, signal) {
  const image = h("img", { class: "cut", alt: "", decoding: "async" });
  const load = async () => (image.src = await (cut.small ??= smallCut(cut)));
  return whenSeen(image, load, signal);
}

async function smallCut(cut) {
  const fresh = async () => fetched((await cutout(cut.public_id)).preview_url); // the old URL may have expired
  try {
    const blob = await fetched(cut.preview_url).catch(fresh);
    return reduced(await createImageBitmap(blob), CUT_SIDE, "image/webp");
  } catch (error) {
    cut.small = null; // allows a retry
    throw error;
  }
}

/** Load an image when it comes near the viewport. Returns the image. */
function whenSeen(image, load, signal) {
  const seen = new IntersectionObserver(
    ([entry]) => {
      if (!entry.isIntersecting) return;
      seen.disconnect();
      load().catch((error) => signal.aborted || console.info(error));
    },
    { rootMargin: "400px" },
  );
  seen.observe(image);
  signal.addEventListener("abort", () => seen.disconnect());
  return image;
}

/** Small pictures of renders. An image element sends no key, so they are fetched; each when it comes into sight. */

import { send } from "./api.js";
import { h } from "./dom.js";

/** Return an image of a render, which is decoration beside its name. `signal`: when the page is left. */
export function renderImage({ public_id, width, height }, signal) {
  const image = h("img", { alt: "", width, height, decoding: "async" });
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

  async function load() {
    const answer = await send(`/v1/renders/${public_id}/thumbnail`, {
      headers: { Accept: "image/webp" },
      cache: "default", // a render's never changes
      signal,
    });
    image.src = URL.createObjectURL(await answer.blob());
    signal.addEventListener("abort", () => URL.revokeObjectURL(image.src));
  }
}

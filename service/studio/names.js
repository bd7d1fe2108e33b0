/** What pictures are called. */

import { titled } from "./words.js";

/** Return what a request asks for, in a few words: "Arch niche, natural". */
export function spoken({ scene_types, moods }, { scene_type, mood }) {
  return `${titled(scene_types, scene_type)}, ${titled(moods, mood).toLowerCase()}`;
}

/** Return the name of a job's picture: of what was asked, as far as that is known. */
export function named({ studio: { catalogue }, asked, job }) {
  if (asked) return spoken(catalogue, asked.request);
  return job.render ? titled(catalogue.output_presets, job.render.output_preset) : "A picture";
}

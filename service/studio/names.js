/** What pictures are called. */

import { titled } from "./words.js";

/** Return what a request or a job asks for, in a few words: "Arch niche, natural". */
export function spoken({ scene_types, moods }, { scene_type, mood }) {
  if (!scene_type) return "A picture";
  return `${titled(scene_types, scene_type)}, ${titled(moods, mood).toLowerCase()}`;
}

/** Return the name of a job's picture: the photo's, else what was asked, as far as that is known. */
export function named({ studio: { catalogue }, asked, job }) {
  return job.reference ?? spoken(catalogue, asked?.request ?? job);
}

/** What pictures are called. */

import { titled } from "./words.js";

const PROPS = { few: ", few props", none: ", no props" };

/** Return what a request or a job asks for, in a few words: "Arch niche, natural, few props". */
export function spoken({ scene_types, moods }, { scene_type, mood }, dressing) {
  if (!scene_type) return "A picture";
  const props = PROPS[dressing?.props] ?? "";
  return `${titled(scene_types, scene_type)}, ${titled(moods, mood).toLowerCase()}${props}`;
}

/** Return the name of a job's picture: the photo's, else what was asked, as far as that is known. */
export function named({ studio: { catalogue }, asked, job }) {
  return job.reference ?? spoken(catalogue, asked?.request ?? job, asked?.dressing);
}

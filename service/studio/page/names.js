/** Names of pictures. */

import { titled } from "./words.js";

const PROPS = { few: ", few props", none: ", no props" };

/** Return a short description of a request or a job: "Arch niche, natural, few props". */
export function spoken({ scene_types, moods }, { scene_type, mood }, dressing) {
  if (!scene_type) return "A picture";
  const props = PROPS[dressing?.props] ?? "";
  return `${titled(scene_types, scene_type)}, ${titled(moods, mood).toLowerCase()}${props}`;
}

/** Return the name of a job's picture: the photo's name, or else a description of the request. */
export function named({ studio: { catalogue }, asked, job }) {
  return job.reference ?? spoken(catalogue, asked?.request ?? job, asked?.dressing);
}

/** Names of pictures. */

import { titled } from "./words.js";

const PROPS = { few: ", few props", none: ", no props" };
/** By background that shows no scene. */
const GROUNDS = { color: "Plain colour", image: "Your background", render: "An earlier background" };

/** Return a short description of a job or a render: "Arch niche, natural, few props". `asked`: its request, if known. */
export function spoken({ scene_types, moods, output_presets }, made, asked) {
  const { scene_type, mood, output_preset, report = made.render?.report } = made;
  if (!scene_type) return "A picture";
  const { background } = output_presets.find(({ name }) => name === output_preset) ?? {};
  if (background === "transparent") return "No background";
  const white = background === "white" || scene_type === "white";
  const drawn = white || !report?.provenance || report.provenance.scene; // the report names no plain colour
  const ground = GROUNDS[asked?.ground?.background ?? report?.background?.source ?? (drawn ? "scene" : "color")];
  if (ground || white) return ground ?? "On white";
  const props = PROPS[asked?.dressing?.props] ?? "";
  return `${titled(scene_types, scene_type)}, ${titled(moods, mood).toLowerCase()}${props}`;
}

/** Return the name of a job's picture: the photo's name, or else a description of the request. */
export function named({ studio: { catalogue }, asked, job }) {
  return job.reference ?? spoken(catalogue, job, asked);
}

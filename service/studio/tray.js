/** What is being made now: comes back after a reload, and after the tab was closed. */

import { h, styled } from "./dom.js";
import { named } from "./names.js";
import { stageWords } from "./words.js";

export function tray(studio, signal) {
  const list = h("ul", {});
  const element = h(
    "section",
    { class: "tray", "aria-label": "Being made", hidden: true },
    h("h2", { class: "label" }, "Being made"),
    list,
  );
  studio.running.addEventListener("change", show, { signal });
  studio.running.look();
  return element;

  function show() {
    // What the stage shows already is not shown again.
    const jobs = studio.running.jobs.filter((job) => !studio.several.has(job.job_id));
    element.hidden = !jobs.length;
    list.replaceChildren(
      ...jobs.map((job) =>
        h(
          "li",
          {},
          h(
            "a",
            { href: `#/jobs/${job.job_id}` },
            h("span", { class: "tray-name" }, named({ studio, job })),
            h("span", { class: "hint" }, job.status === "NOT_STARTED" ? "Waiting for its turn" : stageWords(job.stage)),
            styled(h("span", { class: "line" }), { "--share": job.progress }),
          ),
        ),
      ),
    );
  }
}

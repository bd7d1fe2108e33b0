/** What is being made now: comes back after a reload, and after the tab was closed. */

import { ask } from "./api.js";
import { h, styled } from "./dom.js";
import { named } from "./names.js";
import { stageWords } from "./words.js";

const ASK_EVERY = 1000;

export function tray(studio, signal) {
  const list = h("ul", {});
  const element = h(
    "section",
    { class: "tray", "aria-label": "Being made", hidden: true },
    h("h2", { class: "label" }, "Being made"),
    list,
  );
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));
  look();
  return element;

  async function look() {
    try {
      const pages = await Promise.all(
        ["IN_PROGRESS", "NOT_STARTED"].map((status) =>
          ask(`/v1/jobs?operation=swap&status=${status}&limit=5`, { signal }),
        ),
      );
      // What the stage shows already is not shown again.
      const jobs = pages
        .flatMap((page) => page.items)
        .filter((job) => job.output_preset && !studio.several.has(job.job_id));
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
              h(
                "span",
                { class: "hint" },
                job.status === "NOT_STARTED" ? "Waiting for its turn" : stageWords(job.stage),
              ),
              styled(h("span", { class: "line" }), { "--share": job.progress }),
            ),
          ),
        ),
      );
      if (jobs.length) timer = setTimeout(look, ASK_EVERY);
    } catch {
      if (!signal.aborted) timer = setTimeout(look, 5 * ASK_EVERY);
    }
  }
}

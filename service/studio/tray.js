/** What is being made now: comes back after a reload, and after the tab was closed. */

import { h, styled } from "./dom.js";
import { named } from "./names.js";
import { stageWords } from "./words.js";

export function tray(studio, signal) {
  const list = h("ul", {});
  let shown = "";
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
    const ids = jobs.map((job) => job.job_id).join();
    // Rows stay while the jobs are the same: one that is replaced loses the focus, or the click that is under way.
    if (ids !== shown) list.replaceChildren(...jobs.map(row));
    shown = ids;
    for (const [place, { status, stage, progress }] of jobs.entries()) {
      const { firstChild: link } = list.children[place];
      link.querySelector(".hint").textContent = status === "NOT_STARTED" ? "Waiting for its turn" : stageWords(stage);
      styled(link.lastChild, { "--share": progress });
    }
  }

  function row(job) {
    const words = [h("span", { class: "tray-name" }, named({ studio, job })), h("span", { class: "hint" })];
    return h("li", {}, h("a", { href: `#/jobs/${job.job_id}` }, words, h("span", { class: "line" })));
  }
}

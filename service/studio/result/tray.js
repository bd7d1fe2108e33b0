/** The list of running jobs. It survives a reload, since it comes from the API. */

import { html, styled } from "../page/dom.js";
import { named } from "../page/names.js";
import { stageWords } from "../page/words.js";

export function tray(studio, signal) {
  const list = html`<ul></ul>`;
  let shown = "";
  const element = html`
    <section class="tray" aria-label="Being made" hidden><h2 class="label">Being made</h2>${list}</section>`;
  studio.running.addEventListener("change", show, { signal });
  studio.running.look();
  return element;

  function show() {
    // The stage shows its own jobs already.
    const jobs = studio.running.jobs.filter((job) => !studio.several.has(job.job_id));
    element.hidden = !jobs.length;
    const ids = jobs.map((job) => job.job_id).join();
    // Rows stay while the jobs are the same: a replaced row would lose the focus or a click.
    if (ids !== shown) list.replaceChildren(...jobs.map(row));
    shown = ids;
    for (const [place, { status, stage, progress }] of jobs.entries()) {
      const { firstChild: link } = list.children[place];
      link.querySelector(".hint").textContent = status === "NOT_STARTED" ? "Waiting for its turn" : stageWords(stage);
      styled(link.lastChild, { "--share": progress });
    }
  }

  function row(job) {
    const name = named({ studio, job });
    return html`
      <li><a href=${`#/jobs/${job.job_id}`}>
        <span class="tray-name">${name}</span><span class="hint"></span><span class="line"></span>
      </a></li>`;
  }
}

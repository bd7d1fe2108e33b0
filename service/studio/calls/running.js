/** The jobs that are running now, from any tab or program. */

import { ask } from "./api.js";

const ASK_EVERY = 2000;

/** Fires `change`, and `ended` when a job has ended: it may have been refunded. */
export class Running extends EventTarget {
  jobs = [];
  #timer = null;
  #looking = null;

  /** Poll until no job is left or the page is hidden. */
  async look() {
    this.stop();
    const { signal } = (this.#looking = new AbortController());
    let again = 5 * ASK_EVERY;
    try {
      const pages = await Promise.all(
        ["IN_PROGRESS", "NOT_STARTED"].map((status) =>
          ask(`/v1/jobs?operation=swap&status=${status}&limit=5`, { signal }),
        ),
      );
      const before = this.jobs;
      this.jobs = pages.flatMap((page) => page.items).filter((job) => job.output_preset);
      again = this.jobs.length ? ASK_EVERY : null;
      const now = new Set(this.jobs.map((job) => job.job_id));
      this.dispatchEvent(new Event("change"));
      if (before.some((job) => !now.has(job.job_id))) this.dispatchEvent(new Event("ended"));
    } catch (error) {
      if (signal.aborted) return;
      console.info(error);
    }
    if (again !== null && !signal.aborted && !document.hidden) this.#timer = setTimeout(() => this.look(), again);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#looking?.abort();
  }
}

/** The page of one job: running, finished or failed. */

import { ask } from "../calls/api.js";
import { attempt } from "../page/confirm.js";
import { fill, html, say, styled } from "../page/dom.js";
import { follow, over } from "../calls/events.js";
import { fail } from "./failure.js";
import { named } from "../page/names.js";
import { unshowable } from "../calls/photo.js";
import { Progress } from "./progress.js";
import { succeed } from "./result.js";
import { lostWords, titled } from "../page/words.js";

export async function view(studio, jobId, signal) {
  const [job, asked] = await Promise.all([
    ask(`/v1/jobs/${jobId}`),
    ask(`/v1/jobs/${jobId}/request`).catch((error) => (error.passing ? Promise.reject(error) : null)),
  ]);
  const stage = html`<section class="stage" aria-label="Picture"></section>`;
  const panel = html`<section class="panel" aria-label="About this picture"></section>`;
  const work = { studio, job, asked, stage, panel, signal };
  if (!signal.aborted) document.title = `${named(work)} – Backdrop`;
  if (over(job)) finish(work);
  else run(work);
  return html`<div class="studio">${stage}${panel}</div>`;
}

function run(work) {
  const { studio, job, asked, stage, panel, signal } = work;
  const { catalogue } = studio;
  const url = unshowable(asked?.source?.content_type) ? null : asked?.source?.url;
  const unseen = () => developing.classList.add("blank");
  const developing = html`
    <figure class="print developing ${url ? "" : "blank"}">
      ${url && html`
        <img class="photo" src=${url} alt="Your photo" onerror=${unseen} />
        <img class="photo developed" src=${url} alt="" />`}
    </figure>`;
  fill(stage, html`<div class="stage-place">${developing}</div>`);
  const progress = new Progress((share) => styled(developing, { "--share": share }));
  const error = html`<p class="error" role="alert"></p>`;
  const cancel = html`<button class="button" id="cancel" onclick=${stop}>Cancel and refund</button>`;
  const away = html`<p class="notice" role="status" hidden></p>`;
  fill(
    panel,
    html`
      <h1>${named(work)}</h1>
      <p class="lead">${asked ? titled(catalogue.output_presets, asked.request.output_preset) : "Being made"}</p>
      ${progress.element}${away}${error}
      <p class="row">${cancel}</p>
      <p class="hint">You can close this page. Backdrop makes the picture anyway, and you find it here.</p>`,
  );
  progress.show(job);
  const lost = (refusal) => {
    away.hidden = refusal === null;
    if (refusal) away.textContent = `${lostWords(refusal)} Backdrop makes the picture anyway.`;
  };
  follow(job.job_id, (state) => progress.show(state), { signal, lost })
    .then((ended) => {
      if (!ended) return;
      work.job = ended;
      finish(work);
      panel.querySelector("h1").focus({ preventScroll: true });
    })
    .catch((refused) => signal.aborted || (error.textContent = refused.message));

  function stop() {
    const stopped = () => say("Stopped. The credits are refunded.");
    const ended = (refused) => refused.status === 409 || Promise.reject(refused); // its result will follow
    return attempt(error, "", () => ask(`/v1/jobs/${job.job_id}`, { method: "DELETE" }).then(stopped, ended), cancel);
  }
}

function finish(work) {
  if (work.job.status === "SUCCESS" && work.job.render) succeed(work);
  else fail(work);
}

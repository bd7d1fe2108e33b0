/** One picture: on its way, finished, or failed and paid back. */

import { ask } from "./api.js";
import { fill, h, say, styled } from "./dom.js";
import { follow, over } from "./events.js";
import { submitted } from "./order.js";
import { presetCards } from "./presets.js";
import { Progress } from "./progress.js";
import { reportCard } from "./report.js";
import { beforeAfter } from "./slider.js";
import { startFrom } from "./stage.js";
import { credits, REMEDIES, size, titled, weight, FORMATS } from "./words.js";

export async function workView(studio, jobId, signal) {
  const [job, asked] = await Promise.all([ask(`/v1/jobs/${jobId}`), ask(`/v1/jobs/${jobId}/request`).catch(() => null)]);
  const stage = h("section", { class: "stage", "aria-label": "Picture" });
  const panel = h("section", { class: "panel", "aria-label": "About this picture" });
  const work = { studio, job, asked, stage, panel, signal };
  if (over(job)) finish(work);
  else run(work);
  return h("div", { class: "studio" }, stage, panel);
}

/** What was asked, in a few words. */
function named({ studio, asked, job }) {
  if (!asked) return job.render ? titled(studio.catalogue.output_presets, job.render.output_preset) : "A picture";
  const { scene_type, mood } = asked.request;
  return `${titled(studio.catalogue.scene_types, scene_type)}, ${titled(studio.catalogue.moods, mood).toLowerCase()}`;
}

function run(work) {
  const { studio, job, asked, stage, panel, signal } = work;
  const { catalogue } = studio;
  const url = asked?.source?.content_type === "image/tiff" ? null : asked?.source?.url;
  const developing = url
    ? h("figure", { class: "print developing" }, h("img", { class: "photo", src: url, alt: "Your photo" }), h("img", { class: "photo developed", src: url, alt: "" }))
    : h("figure", { class: "print developing blank" });
  stage.replaceChildren(h("div", { class: "stage-place" }, developing));
  const progress = new Progress((share) => styled(developing, { "--share": share }));
  const words = h("p", { class: "notice bad", role: "alert", hidden: true });
  const cancel = h("button", { class: "button", id: "cancel", onclick: stop }, "Stop it and get the credits back");
  const away = h("p", { class: "notice", role: "status", hidden: true }, "The service is away for a moment. Nothing is lost; this page goes on by itself.");
  fill(
    panel,
    h("h1", {}, named(work)),
    h("p", { class: "lead" }, asked ? titled(catalogue.output_presets, asked.request.output_preset) : "Being made"),
    progress.element, away, words,
    h("p", { class: "row" }, cancel),
    h("p", { class: "hint" }, "You can close this page: the picture is made all the same, and waits for you here."),
  );
  progress.show({ queue_position: null, ...job });
  const told = { signal, lost: (is) => (away.hidden = !is) };
  follow(job.job_id, (state) => progress.show(state), told).then(async () => {
    if (signal.aborted) return;
    work.job = await ask(`/v1/jobs/${job.job_id}`, { signal });
    finish(work);
    studio.counted().catch(() => {});
    panel.querySelector("h1").focus({ preventScroll: true });
  }).catch((error) => {
    if (signal.aborted) return;
    words.textContent = error.message;
    words.hidden = false;
  });

  async function stop() {
    cancel.disabled = true;
    try {
      await ask(`/v1/jobs/${job.job_id}`, { method: "DELETE" });
      say("Stopped. The credits are back.");
    } catch (error) {
      // 409: it was over a moment before; its end is on the way to this page
      if (error.status !== 409) {
        words.textContent = error.message;
        words.hidden = false;
        cancel.disabled = false;
      }
    }
  }
}

function finish(work) {
  if (work.job.status === "SUCCESS" && work.job.render) succeed(work);
  else fail(work);
}

function succeed(work) {
  const { studio, job: { render }, asked, stage, panel } = work;
  const preset = titled(studio.catalogue.output_presets, render.output_preset);
  stage.replaceChildren(beforeAfter(render, asked?.source ?? null));
  const failed = h("p", { class: "error", role: "alert" });
  fill(
    panel,
    h("h1", { tabindex: "-1" }, named(work)),
    h("p", { class: "lead" }, preset, h("br"), h("span", { class: "hint" }, `${size(render.width, render.height)}  ·  ${FORMATS[render.format] ?? render.format}  ·  ${weight(render.bytes)}`)),
    h("a", { class: "button primary wide", id: "download", href: render.url, download: fileName(render), onclick: (event) => download(event, render, failed) }, "Download"),
    asked ? furtherPictures(work, failed) : null,
    failed,
    reportCard(render, work.job),
  );
  say("Your picture is ready.");
}

const fileName = (render) => `backdrop-${render.output_preset}-${render.public_id.slice(-6).toLowerCase()}.${render.format === "jpeg" ? "jpg" : render.format}`;

/** Save the file under a name that says what it is; the browser opens it where the store forbids reading it from here. */
async function download(event, render, failed) {
  event.preventDefault();
  failed.textContent = "";
  try {
    const { url } = await ask(`/v1/renders/${render.public_id}`); // the old address may have expired
    const bytes = await fetch(url).then((answer) => (answer.ok ? answer.blob() : Promise.reject(new Error())), () => null);
    const link = h("a", { href: bytes ? URL.createObjectURL(bytes) : url, download: fileName(render), target: bytes ? null : "_blank", rel: "noreferrer" });
    link.click();
    if (bytes) setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  } catch {
    failed.textContent = "The picture can't be fetched now. Try again in a moment.";
  }
}

/** What can be made next from the same photo. */
function furtherPictures(work, failed) {
  const { studio, job: { render }, asked } = work;
  const { output_presets } = studio.catalogue;
  const cost = output_presets.find((item) => item.name === render.output_preset)?.credits ?? 0;
  const white = asked.request.scene_type === "white";
  const off = (preset) => (!preset.scene_allowed && !white ? "Takes no scene, so nothing of this background would be left." : null);
  const make = h("button", { class: "button wide", id: "make-place", disabled: true, onclick: () => elsewhere() }, "Choose a place");
  let place = null;
  const others = output_presets.filter((item) => item.name !== render.output_preset);
  const { element: cards } = presetCards(others, "other_preset", (name) => {
    place = others.find((item) => item.name === name);
    make.disabled = false;
    make.textContent = `Make it for ${credits(place.credits)}`;
  }, off);
  return h(
    "div", { class: "further" },
    h(
      "div", { class: "row" },
      h("button", { class: "button", id: "another", onclick: another }, `Another seed · ${credits(cost)}`),
      h("button", { class: "button", onclick: change }, "Change something"),
    ),
    h("details", { class: "choice" }, h("summary", {}, h("span", { class: "choice-name" }, "Same background, other place")), h("div", { class: "choice-body" }, cards, make)),
  );

  function from() {
    const { source_image_s3_key: _, ...body } = asked.request;
    return { ...body, source_render_public_id: render.public_id };
  }

  function another() {
    const [drawn] = crypto.getRandomValues(new Uint32Array(1));
    return order(from(), drawn >>> 1); // named, since a brand may have pinned its own
  }

  function elsewhere() {
    return order({ ...from(), output_preset: place.name }, render.report.provenance.kept_seed ?? render.seed);
  }

  async function order(body, seed) {
    failed.textContent = "";
    try {
      const { job_id } = await submitted(tidy(body), seed);
      say("Accepted. Your picture is being made.");
      studio.counted().catch(() => {});
      studio.go(`jobs/${job_id}`);
    } catch (error) {
      failed.textContent = error.code === "insufficient_credits" ? "You have too few credits for this. Ask whoever runs this Backdrop for more." : error.message;
    }
  }

  function change() {
    studio.draft.from(asked.request);
    studio.draft.change({ seed: null });
    startFrom(studio, render);
  }
}

/** Leave out what was left out: an empty brand is none. */
const tidy = (body) => Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));

function fail(work) {
  const { studio, job, asked, stage, panel } = work;
  const error = job.error ?? { code: "internal_error", message: "It ended without a picture." };
  const stopped = error.code === "cancelled";
  const url = asked?.source?.content_type === "image/tiff" ? null : asked?.source?.url;
  stage.replaceChildren(h("div", { class: "stage-place" }, url
    ? h("figure", { class: "print failed" }, h("img", { class: "photo", src: url, alt: "The photo of this picture", onerror: (event) => event.target.closest("figure").classList.add("blank") }))
    : h("figure", { class: "print failed blank" })));
  const photoAtFault = /^image_|no_subject|source_gone/.test(error.code);
  fill(
    panel,
    h("h1", { tabindex: "-1" }, stopped ? "You stopped this picture" : "This picture could not be made"),
    h("div", { class: `notice ${stopped ? "" : "bad"}`, role: "alert", "data-code": error.code }, h("p", {}, error.message), h("p", {}, REMEDIES[error.code] ?? REMEDIES.internal_error)),
    h("p", { class: "refund", id: "refund" }, h("strong", {}, credits(job.credits_refunded)), " came back."),
    h(
      "div", { class: "row" },
      photoAtFault || !asked ? null : h("button", { class: "button primary", onclick: () => back(true) }, "Try again"),
      h("button", { class: photoAtFault ? "button primary" : "button", onclick: () => back(!asked) }, asked ? "Another photo, same settings" : "To the studio"),
    ),
  );
  studio.counted().then((balance) => {
    panel.querySelector("#refund").replaceChildren(h("strong", {}, credits(job.credits_refunded)), ` came back. You have ${credits(balance)} again.`);
  }).catch(() => {});
  say(stopped ? "Stopped." : "This picture could not be made. The credits are back.");

  function back(samePhoto) {
    if (asked) studio.draft.from(asked.request);
    const key = asked?.request.source_image_s3_key;
    if (!samePhoto) studio.draft.change({ source: null, seed: null });
    else if (key) studio.draft.change({ source: { key, name: "your photo", preview: url ?? null, width: null, height: null, bytes: null } });
    else if (asked) studio.draft.change({ source: { render: asked.request.source_render_public_id, name: "the photo of an earlier picture", preview: url ?? null, width: null, height: null, bytes: null } });
    studio.go("");
  }
}

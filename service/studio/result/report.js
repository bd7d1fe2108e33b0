/** A picture's report: whether it can be published, and the measured figures in a folded section. */

import { html, mark, styled } from "../page/dom.js";
import { HARMLESS, differenceWords, fidelityWords, isShown, measuredWords } from "../page/words.js";
import { missedWords, ruleTitle, warningWords } from "../page/words.js";

/** Return the report of a render; `job` adds the times. */
export function reportCard(render, job) {
  const { report } = render;
  return html`
    <div class="report">
      ${colours(report.palette)}
      <section aria-labelledby="report-product">
        <h2 id="report-product">Product</h2>
        <p>${fidelityWords(report.fidelity)}</p>
      </section>
      <div>${channel(report)} ${figures(render, job)}</div>
    </div>`;
}

/** Return whether the picture can be published, and what to check first. */
export function verdict({ warnings: all, report, preview }) {
  const warnings = all.filter(isShown);
  const rules = (status) => (report.preset ?? []).filter((one) => one.status === status);
  const failed = rules("fail");
  const notes = rules("warn").filter(({ rule }) => rule !== "enlargement" || !warnings.includes("upscaled"));
  const doubtful = warnings.some((code) => !HARMLESS.has(code));
  const next = preview ? "order" : "publish";
  const words = failed.length ? `Not ready to ${next}` : doubtful ? `Check before you ${next}` : `Ready to ${next}`;
  return html`
    <section class="verdict" aria-labelledby="report-verdict">
      <h2 id="report-verdict">${mark(failed.length ? "fail" : doubtful ? "warn" : "pass")} ${words}</h2>
      ${listed(failed, "One rule is not met", "rules are not met")} ${listed(notes, "One note", "notes")}
      ${warnings.length > 0 && html`<ul class="doubts">${warnings.map(doubt)}</ul>`}
    </section>`;
}

function listed(rules, one, many) {
  if (!rules.length) return null;
  return html`<p>${rules.length === 1 ? one : `${rules.length} ${many}`}: ${rules.map(missedWords).join(", ")}.</p>`;
}

function doubt(code) {
  const [what, remedy] = warningWords(code);
  return html`<li data-code=${code}><strong>${what}</strong> ${remedy}</li>`;
}

function colours({ asked, bar, assigned }) {
  if (!asked?.length) return null;
  return html`
    <section aria-labelledby="report-colours">
      <h2 id="report-colours">Colours</h2>
      <p>${bar?.met ? "All colours match." : "Not all colours match."}</p>
      <ul class="pairs">
        ${asked.map((one) => pair(one, assigned ?? []))}
      </ul>
    </section>`;
}

function pair({ colour, nearest, delta_e00: delta }, assigned) {
  const swatch = (shown) => styled(html`<span></span>`, { "--colour": shown });
  const surfaces = assigned.filter((one) => one.asked && one.colour === colour).map(({ surface }) => surface);
  const words = [delta !== null && delta !== undefined && differenceWords(delta), surfaces.join(", ")];
  return html`
    <li>
      <span class="pair" aria-hidden="true">${swatch(colour)} ${swatch(nearest ?? colour)}</span>
      <span class="pair-words">
        <span>${colour} asked, ${nearest ?? "nothing"} found</span>
        <span class="hint">${words.filter(Boolean).join("  ·  ")}</span>
      </span>
    </li>`;
}

const STATUS = { fail: "Not met", warn: "Note", pass: "Met", unchecked: "Check yourself" };

function channel({ preset }) {
  if (!preset?.length) return null;
  const order = Object.keys(STATUS);
  const rows = [...preset].sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status));
  const count = (status) => preset.filter((row) => row.status === status).length;
  const met = `${count("pass")} of ${preset.length - count("unchecked")} met`;
  return html`
    <details class="folded" open=${count("fail") > 0}>
      <summary>Rules of the sales channel: ${met}</summary>
      <ul class="checks">
        ${rows.map(check)}
      </ul>
    </details>`;
}

function check(row) {
  const { rule, status, source_url: source, checked_on: day } = row;
  const about = `Source of the rule on ${ruleTitle(rule)}, as of ${day}, opens in a new tab`;
  return html`
    <li data-status=${status}>
      ${mark(status)}
      <div>
        <strong>${ruleTitle(rule)}</strong><span class="unseen">, ${STATUS[status]}: </span>${" "}
        <span class="hint">
          ${measuredWords(row)}${" "}
          <a href=${source} target="_blank" rel="noreferrer noopener" title="As of ${day}" aria-label=${about}>Source</a>
        </span>
      </div>
    </li>`;
}

/** Format a colour difference. */
const delta = (value, digits = 1) => (value === null || value === undefined ? null : `ΔE00 ${value.toFixed(digits)}`);

function figures({ seed, sha256, report }, job) {
  const { palette, fidelity } = report;
  const { kept_seed: kept = seed, tried = [], timings = {}, networks = {}, cutout, background } = report.provenance;
  const average = delta(palette.mean_delta_e00);
  const product = delta(fidelity.mean, 2);
  const from = (cached) => (cached === "cached" ? "reused from an earlier picture" : "made for this picture");
  const facts = [
    ["Colours", average && `${average} on average; the limit is ${palette.bar?.mean ?? 5}`],
    ...(palette.asked ?? []).map(({ colour, delta_e00: value }) => [colour, delta(value)]),
    ["Product", product && `${product} on average, ${fidelity.p99?.toFixed(1)} at the 99th percentile`],
    ["Seed", kept === seed ? String(seed) : `${kept}, the best of ${tried.length} tried from ${seed}`],
    ["Time", time(timings, job)],
    ["Cut-out", cutout && from(cutout)],
    ["Background", background && from(background)],
    ["Segmenter", networks.segmenter],
    ["Generator", networks.generator],
    ["SHA-256", sha256],
  ];
  const row = ([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  return html`
    <details class="folded" id="figures">
      <summary>Figures</summary>
      <dl>${facts.filter(([, value]) => value).map(row)}</dl>
    </details>`;
}

/** Return the total time, the slowest stage, and the wait in the queue, in words. */
function time(timings, job) {
  const whole = Object.values(timings).reduce((sum, seconds) => sum + seconds, 0);
  const [slowest] = Object.entries(timings).sort((a, b) => b[1] - a[1]);
  const waited = job?.started_at ? (new Date(job.started_at) - new Date(job.created_at)) / 1000 : 0;
  const most = slowest ? `, mostly ${slowest[0]} (${slowest[1].toFixed(1)} s)` : "";
  return `${whole.toFixed(1)} s${most}${waited > 1 ? `, after ${waited.toFixed(0)} s in the queue` : ""}`;
}

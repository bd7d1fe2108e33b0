/** A picture's report: the channel's rules, and what to check. */

import { html, mark, styled } from "../page/dom.js";
import { capital, counted, differenceWords, fidelityWords, isShown, measuredWords } from "../page/words.js";
import { missedWords, ruleTitle, warningWords } from "../page/words.js";

/** Return the report of a render; `chosen` are the colours that the person chose. */
export function reportCard({ report }, chosen) {
  return html`
    <div class="report">
      ${colours(report.palette, chosen)}
      <section aria-labelledby="report-product">
        <h2 id="report-product">Product</h2>
        <p>${fidelityWords(report.fidelity)}</p>
      </section>
      ${channel(report)}
    </div>`;
}

/** Return whether the channel's rules are met, and what to check. No measurement proves that a picture is good. */
export function verdict({ warnings: all, report }) {
  const warnings = all.filter(isShown);
  const rules = (status) => (report.preset ?? []).filter((one) => one.status === status);
  const failed = rules("fail");
  const notes = rules("warn").filter(({ rule }) => rule !== "enlargement" || !warnings.includes("upscaled"));
  const checked = failed.length + notes.length + rules("pass").length > 0;
  if (!checked && !warnings.length) return null;
  const words = failed.length ? `${counted(failed.length, "channel rule")} not met` : "Channel rules met";
  return html`
    <section class="verdict" aria-label="What to check">
      ${checked && html`<h2 id="report-verdict">${mark(failed.length ? "fail" : "pass")} ${words}</h2>`}
      ${failed.length > 0 && html`<p>${capital(failed.map(missedWords).join(", "))}.</p>`}
      ${notes.length > 0 && html`<p>Note: ${notes.map(missedWords).join(", ")}.</p>`}
      ${warnings.length > 0 && html`<ul class="doubts">${warnings.map(doubt)}</ul>`}
    </section>`;
}

function doubt(code) {
  const [what, remedy] = warningWords(code);
  return html`<li data-code=${code}><strong>${what}</strong> ${remedy}</li>`;
}

/** The report also compares the scene's own colours, which nobody asked for. */
function colours({ asked = [], bar, assigned }, chosen) {
  const own = asked.filter(({ colour }) => chosen.includes(colour));
  if (!own.length) return null;
  return html`
    <section aria-labelledby="report-colours">
      <h2 id="report-colours">Colours</h2>
      <p>${bar?.met ? "All colours match." : "Not all colours match."}</p>
      <ul class="pairs">
        ${own.map((one) => pair(one, assigned ?? []))}
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
  const { rule, status } = row;
  return html`
    <li data-status=${status}>
      ${mark(status)}
      <div>
        <strong>${ruleTitle(rule)}</strong><span class="unseen">, ${STATUS[status]}: </span>${" "}
        <span class="hint">${measuredWords(row)}</span>
      </div>
    </li>`;
}

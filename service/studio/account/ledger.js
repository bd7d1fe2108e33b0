/** The credit history: each picture that was paid for, and what was refunded. */

import { ask } from "../calls/api.js";
import { html } from "../page/dom.js";
import { named } from "../page/names.js";
import { renderImage } from "../page/thumbnail.js";
import { credits, failureWords, ledgerWords, titled, when } from "../page/words.js";

/** Entries and jobs in one answer. */
const PAGE = 100;

export async function view(studio, _, signal) {
  const [{ balance, entries }, { items }] = await Promise.all([
    ask(`/v1/credits?limit=${PAGE}`, { signal }),
    ask(`/v1/jobs?operation=swap&limit=${PAGE}`, { signal }),
  ]);
  studio.header.balance = balance;
  const jobs = new Map(items.map((job) => [job.job_id, job]));
  const table = html`
    <table class="ledger">
      <thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Credits</th></tr></thead>
      <tbody>${entries.map(row)}</tbody>
    </table>`;
  return html`
    <div class="sheet-page narrow">
      <div class="page-head"><h1>Credits</h1><p class="large">${credits(balance)}</p></div>
      <p class="hint">You pay only for pictures that are made. A picture that fails is refunded.</p>
      ${entries.length ? table : html`<p>No credits were granted yet. Ask the person who set up Backdrop.</p>`}
      ${entries.length >= PAGE && html`<p class="hint">The latest ${PAGE} entries.</p>`}
      <p><a class="button small" href="/verify">Check a picture's origin</a></p>
    </div>`;

  function row({ kind, created_at: at, job_id: id, amount }) {
    return html`
      <tr data-kind=${kind}>
        <td><time datetime=${at}>${when(at)}</time></td>
        <td>${id ? picture(kind, id, jobs.get(id)) : ledgerWords(kind)}</td>
        <td class="amount">${amount > 0 ? "+" : "−"}${Math.abs(amount)}</td>
      </tr>`;
  }

  /** Return a link to what was paid or refunded. `job`: unknown if it is old. */
  function picture(kind, id, job) {
    const name = job && named({ studio, job });
    const channel = job && titled(studio.catalogue.output_presets, job.output_preset);
    const about = kind === "refund" && job?.error ? failureWords(job.error)[0] : channel;
    const words = kind === "refund" && name ? `Refund for ${name}` : (name ?? ledgerWords(kind));
    return html`
      <div class="paid">
        <span class="tile">${job?.render && renderImage(job.render, signal)}</span>
        <div><a href="#/jobs/${id}">${words}</a>${about && html`<p class="hint">${about}</p>`}</div>
      </div>`;
  }
}

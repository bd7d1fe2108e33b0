/** The credit history. */

import { ask } from "../calls/api.js";
import { html } from "../page/dom.js";
import { credits, ledgerWords, when } from "../page/words.js";

export async function ledgerView(studio, _, signal) {
  const { balance, entries } = await ask("/v1/credits", { signal });
  studio.header.balance = balance;
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
      ${entries.length >= 100 && html`<p class="hint">The latest 100 entries.</p>`}
    </div>`;
}

function row({ kind, created_at: at, job_id: job, amount }) {
  const words = ledgerWords(kind);
  return html`
    <tr data-kind=${kind}>
      <td><time datetime=${at}>${when(at)}</time></td>
      <td>${job ? html`<a href=${`#/jobs/${job}`}>${words}</a>` : words}</td>
      <td class="amount">${amount > 0 ? "+" : "−"}${Math.abs(amount)}</td>
    </tr>`;
}

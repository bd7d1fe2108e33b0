/** The credit history. */

import { ask } from "./api.js";
import { h } from "./dom.js";
import { credits, ledgerWords, when } from "./words.js";

export async function ledgerView(studio, _, signal) {
  const { balance, entries } = await ask("/v1/credits", { signal });
  studio.header.balance = balance;
  return h(
    "div",
    { class: "sheet-page narrow" },
    h("div", { class: "page-head" }, h("h1", {}, "Credits"), h("p", { class: "large" }, credits(balance))),
    h("p", { class: "hint" }, "You pay for pictures: whatever fails gives its credits back, once."),
    entries.length
      ? h(
          "table",
          { class: "ledger" },
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              ["When", "What", "Credits"].map((name) => h("th", { scope: "col" }, name)),
            ),
          ),
          h(
            "tbody",
            {},
            entries.map((entry) =>
              h(
                "tr",
                { "data-kind": entry.kind },
                h("td", {}, h("time", { datetime: entry.created_at }, when(entry.created_at))),
                h(
                  "td",
                  {},
                  entry.job_id
                    ? h("a", { href: `#/jobs/${entry.job_id}` }, ledgerWords(entry.kind))
                    : ledgerWords(entry.kind),
                ),
                h("td", { class: "amount" }, `${entry.amount > 0 ? "+" : "−"}${Math.abs(entry.amount)}`),
              ),
            ),
          ),
        )
      : h("p", {}, "No credits were granted yet. Ask the person who set up Backdrop."),
    entries.length >= 100 ? h("p", { class: "hint" }, "The latest 100 entries.") : null,
  );
}

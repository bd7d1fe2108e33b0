/** What was measured, as a card that a person reads. */

import { h, icon, styled } from "./dom.js";
import { differenceWords, fidelityWords, measuredWords, ruleTitle, WARNINGS } from "./words.js";

/** A render's report; `job` adds how long it took. */
export function reportCard(render, job) {
  const { report } = render;
  return h(
    "div",
    { class: "report" },
    doubts(render),
    colours(report),
    fidelity(report),
    channel(report),
    figures(render, job),
  );
}

function doubts({ warnings }) {
  if (!warnings.length) return null;
  return h(
    "section",
    { "aria-labelledby": "report-doubts" },
    h("h2", { id: "report-doubts" }, "Worth a look"),
    h(
      "ul",
      { class: "doubts" },
      warnings.map((code) => {
        const [what, remedy] = WARNINGS[code] ?? [code.replaceAll("_", " "), ""];
        return h("li", { "data-code": code }, mark("warn"), h("div", {}, h("strong", {}, what), " ", remedy));
      }),
    ),
  );
}

function colours({ palette }) {
  if (!palette.asked?.length) return null;
  const verdict = palette.bar?.met ? "As asked." : "Not all of them came out as asked.";
  return h(
    "section",
    { "aria-labelledby": "report-colours" },
    h("h2", { id: "report-colours" }, "Colours"),
    h("p", {}, verdict),
    h(
      "ul",
      { class: "pairs" },
      palette.asked.map(({ colour, nearest, delta_e00: delta }) =>
        h(
          "li",
          {},
          h(
            "span",
            { class: "pair", "aria-hidden": "true" },
            styled(h("span", {}), { "--colour": colour }),
            styled(h("span", {}), { "--colour": nearest ?? colour }),
          ),
          h(
            "span",
            { class: "pair-words" },
            h("span", {}, `${colour} asked, ${nearest ?? "nothing"} found`),
            h("span", { class: "hint" }, delta === null || delta === undefined ? "" : differenceWords(delta)),
          ),
        ),
      ),
    ),
  );
}

function fidelity({ fidelity: found }) {
  return h(
    "section",
    { "aria-labelledby": "report-fidelity" },
    h("h2", { id: "report-fidelity" }, "Product"),
    h("p", {}, fidelityWords(found)),
  );
}

const STATUS = { pass: "Kept", warn: "Nearly kept", fail: "Not kept", unchecked: "For you to check" };

function channel({ preset }) {
  if (!preset?.length) return null;
  const count = (status) => preset.filter((row) => row.status === status).length;
  const checked = preset.length - count("unchecked");
  const order = { fail: 0, warn: 1, pass: 2, unchecked: 3 };
  const rows = [...preset].sort((a, b) => order[a.status] - order[b.status]);
  return h(
    "section",
    { "aria-labelledby": "report-channel" },
    h("h2", { id: "report-channel" }, "Rules of the sales channel"),
    h(
      "p",
      {},
      count("pass") === checked
        ? `All ${checked} that a file can show are kept.`
        : `${count("pass")} of ${checked} are kept.`,
    ),
    h(
      "ul",
      { class: "checks" },
      rows.map((row) =>
        h(
          "li",
          { "data-status": row.status },
          mark(row.status),
          h(
            "div",
            {},
            h("strong", {}, ruleTitle(row.rule)),
            h("span", { class: "unseen" }, `, ${STATUS[row.status]}: `),
            " ",
            h(
              "span",
              { class: "hint" },
              measuredWords(row),
              " ",
              h(
                "a",
                {
                  href: row.source_url,
                  target: "_blank",
                  rel: "noreferrer noopener",
                  title: `As of ${row.checked_on}`,
                  "aria-label": `Source of the rule on ${ruleTitle(row.rule)}, as of ${row.checked_on}, opens elsewhere`,
                },
                "Source",
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

/** How far apart two colours are, for those who work with figures. */
const delta = (value, digits = 1) => (value === null || value === undefined ? null : `ΔE00 ${value.toFixed(digits)}`);

function figures({ seed, sha256, report }, job) {
  const { palette, fidelity: product } = report;
  const { kept_seed: keptSeed, tried = [], timings = {}, networks = {}, cutout, background } = report.provenance;
  const whole = Object.values(timings).reduce((sum, seconds) => sum + seconds, 0);
  const [slowest] = Object.entries(timings).sort((a, b) => b[1] - a[1]);
  const waited = job?.started_at ? (new Date(job.started_at) - new Date(job.created_at)) / 1000 : null;
  const facts = [
    [
      "Colours",
      delta(palette.mean_delta_e00) &&
        `${delta(palette.mean_delta_e00)} on average; promised: below ${palette.bar?.mean ?? 5}`,
    ],
    ...(palette.asked ?? []).map(({ colour, delta_e00: value }) => [colour, delta(value)]),
    [
      "Product",
      delta(product.mean, 2) &&
        `${delta(product.mean, 2)} on average, ${product.p99?.toFixed(1)} at the 99th percentile`,
    ],
    [
      "Seed",
      keptSeed === undefined || keptSeed === seed
        ? String(seed)
        : `${keptSeed}, the best of ${tried.length} tried from ${seed}`,
    ],
    [
      "Made in",
      `${whole.toFixed(1)} s${slowest ? `, of that ${slowest[0]} ${slowest[1].toFixed(1)} s` : ""}${waited > 1 ? `; it waited ${waited.toFixed(0)} s before` : ""}`,
    ],
    cutout && ["Cut-out", cutout === "cached" ? "kept from an earlier picture" : "made for this picture"],
    background && ["Background", background === "cached" ? "kept from an earlier picture" : "made for this picture"],
    ["Cut out by", networks.segmenter],
    ["Painted by", networks.generator],
    ["SHA-256", sha256],
  ];
  return h(
    "details",
    { class: "origin" },
    h("summary", {}, "Figures"),
    h(
      "dl",
      {},
      facts.filter((fact) => fact?.[1]).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
  );
}

const MARKS = { pass: "check", warn: "doubt", fail: "cross", unchecked: "dash" };
const mark = (status) => h("span", { class: `mark-${status}`, "aria-hidden": "true" }, icon(MARKS[status]));

// Choices about a page's figures, by mouse or keyboard: a contact sheet's pictures, the doubtful pieces of cut-outs, or
// pictures to rate. The pages work without this script. Choices stay in this browser until they are saved as a file.
(() => {
  "use strict";
  const main = document.querySelector("main");
  const kind = main.dataset.kind ?? "review";
  // By choice: its button, its key, and the word for what has it.
  const CHOICES = {
    review: {
      approve: ["Approve", "a", "approved"],
      reject: ["Reject", "r", "rejected"],
      again: ["Another seed", "s", "to be made again"],
    },
    answers: { keep: ["Keep", "k", "to keep"], drop: ["Drop", "d", "to drop"] },
    ratings: {
      publishable: ["Publishable", "p", "publishable"],
      mend: ["Mend", "m", "to mend"],
      no: ["No", "n", "not publishable"],
    },
  }[kind];
  const DONE = Object.fromEntries(Object.entries(CHOICES).map(([name, [, , words]]) => [name, words]));
  const [FILE, OPTION] = {
    review: ["review.json", "the same command with --redo"],
    answers: ["answers.json", "the same command with --answers"],
    ratings: ["ratings.csv", "backdrop rate with --ratings"],
  }[kind];
  const FAULTS = (main.dataset.faults ?? "").split(" ").filter(Boolean); // their keys are a, b, c, …
  const letter = (place) => String.fromCharCode(97 + place);
  const place = (key) => (key.length === 1 ? key.toLowerCase().charCodeAt(0) - 97 : -1);
  const verdict = (figure) => chosen.get(figure).split(" ")[0];
  const figures = [...main.querySelectorAll("figure[data-sha256]")];
  if (!figures.length) return;
  const batch = main.dataset.batch;
  const shelf = `backdrop-review-${batch}`;
  const chosen = new Map(figures.map((figure) => [figure, kept()[nameOf(figure)] ?? figure.dataset.choice ?? ""]));
  const listOf = (figure, what) => (figure.dataset[what] ?? "").split(" ").filter(Boolean);
  const doubts = (figure) => listOf(figure, "warnings").length + listOf(figure, "rules").length;

  const filter = menu("Show", [
    ["", "all"],
    ["open", "without a choice"],
    ...(kind === "review" ? [["warnings", "with warnings"], ["rules", "with broken rules"]] : []),
    ...Object.entries(DONE),
    ...found("warnings").map((one) => [`warnings ${one}`, `warning: ${one.replaceAll("_", " ")}`]),
    ...found("rules").map((one) => [`rules ${one}`, `rule: ${one.replaceAll("_", " ")}`]),
  ]);
  const order = menu("Sort", [
    ["", "as in the folder"],
    ["doubts", "most problems first"],
  ]);
  const said = make("p", { role: "status" });
  const save = make("button", { type: "button" });
  const bar = make("section", { className: "review" });
  bar.setAttribute("aria-label", "Review");
  const keys = make("p", { className: "quiet" });
  const letters = Object.values(CHOICES).map(([words, key]) => `${key.toUpperCase()} ${words.toLowerCase()}`);
  keys.textContent = `Keys: ← → go on, ${letters.join(", ")}, U undo.`;
  bar.append(filter.label, ...(kind === "review" ? [order.label] : []), save, said, keys);
  const reader = make("input", { placeholder: "Your name", value: kept().reader ?? "" });
  reader.addEventListener("change", () => keep("reader", reader.value));
  if (kind === "ratings") bar.prepend(reader);
  main.before(bar);

  for (const figure of figures) {
    figure.tabIndex = 0;
    figure.ariaLabel ??= `${figure.dataset.photo} for ${figure.dataset.preset}`;
    const buttons = make("div", { className: "choices" });
    for (const [choice, [words]] of Object.entries(CHOICES)) {
      const button = make("button", { type: "button" });
      button.textContent = words;
      button.dataset.choose = choice;
      button.addEventListener("click", () => {
        choose(figure, chosen.get(figure) === choice ? "" : choice);
        if (chosen.get(figure) === "publishable") goOpen(figure);
      });
      buttons.append(button);
    }
    const faults = make("div", { className: "choices faults" });
    for (const [place, fault] of FAULTS.entries()) {
      const button = make("button", { type: "button", textContent: `${letter(place)} ${fault}` });
      button.dataset.fault = fault;
      button.addEventListener("click", () => blame(figure, fault));
      faults.append(button);
    }
    figure.append(buttons, faults);
  }
  const sections = [...main.querySelectorAll("section.photo")];
  filter.select.addEventListener("change", show);
  order.select.addEventListener("change", () => {
    const most = (section) => Math.max(0, ...figures.filter((one) => section.contains(one)).map(doubts));
    const sorted = order.select.value ? sections.toSorted((a, b) => most(b) - most(a)) : sections;
    main.append(...sorted);
  });
  save.addEventListener("click", download);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input, textarea")) return;
    const at = event.target.closest?.("figure[data-sha256]");
    const choice = Object.keys(CHOICES).find((name) => CHOICES[name][1] === event.key.toLowerCase());
    if (event.key === "ArrowRight" || event.key === "ArrowLeft") go(at, event.key === "ArrowRight" ? 1 : -1);
    else if (at && choice) {
      const next = beside(at, 1); // found before a filter hides this figure
      choose(at, choice);
      if (kind !== "ratings") next?.focus();
      else if (choice === "publishable") goOpen(at);
    } else if (at && verdict(at) && verdict(at) !== "publishable" && FAULTS[place(event.key)]) {
      blame(at, FAULTS[place(event.key)]);
    } else if (at && event.key.toLowerCase() === "u") choose(at, "");
    else return;
    event.preventDefault();
  });
  show();
  if (kind !== "review") beside(null, 0)?.focus({ preventScroll: true });

  function blame(figure, fault) {
    choose(figure, `${verdict(figure)} ${fault}`);
    goOpen(figure);
  }

  function goOpen(figure) {
    const after = figures.slice(figures.indexOf(figure) + 1);
    const next = [...after, ...figures].find((one) => !chosen.get(one) && !one.hidden);
    next?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "start" });
  }

  function nameOf(figure) {
    const { photo, preset, sha256, seed, piece } = figure.dataset;
    return [photo, preset ?? piece, sha256, seed].join("\n");
  }

  function kept() {
    try {
      return JSON.parse(localStorage.getItem(shelf)) ?? {};
    } catch {
      return {};
    }
  }

  function choose(figure, choice) {
    chosen.set(figure, choice);
    keep(nameOf(figure), choice);
    show();
  }

  function keep(name, value) {
    try {
      localStorage.setItem(shelf, JSON.stringify({ ...kept(), [name]: value }));
    } catch {
      // Storage is full or not allowed, so choices last as long as the page.
    }
  }

  function shown(figure) {
    const [what, name] = filter.select.value.split(" ");
    if (!what) return true;
    if (what === "open") return !chosen.get(figure);
    if (what in DONE) return verdict(figure) === what;
    return name ? listOf(figure, what).includes(name) : listOf(figure, what).length > 0;
  }

  function show() {
    for (const figure of figures) {
      figure.hidden = !shown(figure);
      figure.dataset.chosen = verdict(figure);
      const fault = chosen.get(figure).split(" ")[1];
      for (const button of figure.querySelectorAll("[data-fault]"))
        button.setAttribute("aria-pressed", String(button.dataset.fault === fault));
      for (const button of figure.querySelectorAll("[data-choose]"))
        button.setAttribute("aria-pressed", String(button.dataset.choose === verdict(figure)));
    }
    for (const section of sections) {
      const own = figures.filter((one) => section.contains(one));
      section.hidden = Boolean(filter.select.value) && !own.some((one) => !one.hidden);
    }
    const count = (choice) => figures.filter((one) => verdict(one) === choice).length;
    const parts = Object.entries(DONE).map(([choice, words]) => `${count(choice)} ${words}`);
    said.textContent = `${parts.join(", ")}, ${count("")} open.`;
    const changes = changed().length;
    save.textContent = `Save the ${kind} (${changes})`;
    save.disabled = !changes;
  }

  function changed() {
    return figures.filter((one) => chosen.get(one) && chosen.get(one) !== (one.dataset.choice ?? ""));
  }

  function visible() {
    return [...main.querySelectorAll("figure[data-sha256]")].filter((one) => one.offsetParent !== null);
  }

  function beside(figure, by) {
    const all = visible();
    return all[figure ? all.indexOf(figure) + by : 0];
  }

  function go(figure, by) {
    const next = beside(figure, by);
    next?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "center" });
  }

  function download() {
    const answers = {};
    const lines = ["picture,reader,verdict,fault"];
    const choices = changed().map((figure) => {
      const { photo, preset, sha256, seed, piece } = figure.dataset;
      if (kind === "answers") (answers[photo] ??= { keep: [], drop: [] })[chosen.get(figure)].push(Number(piece));
      const cells = [photo, reader.value, ...`${chosen.get(figure)} `.split(" ", 2)];
      lines.push(cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(","));
      return { photo, preset, sha256, seed: Number(seed), choice: chosen.get(figure) };
    });
    const json = JSON.stringify(kind === "answers" ? answers : { batch, choices }, null, 1);
    const file = new Blob([kind === "ratings" ? `${lines.join("\n")}\n` : json], { type: "application/octet-stream" });
    const link = make("a", { href: URL.createObjectURL(file), download: FILE });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    said.textContent = `Saved. Now run ${OPTION} and the path of ${FILE}.`;
  }

  function found(what) {
    return [...new Set(figures.flatMap((figure) => listOf(figure, what)))].sort();
  }

  function menu(words, options) {
    const select = make("select", {});
    for (const [value, text] of options) select.append(new Option(text, value));
    const label = make("label", {});
    label.append(`${words} `, select);
    return { label, select };
  }

  function make(tag, properties) {
    return Object.assign(document.createElement(tag), properties);
  }
})();

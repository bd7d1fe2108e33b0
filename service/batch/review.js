// The contact sheet's review: approve, reject or request another seed, by mouse or keyboard. The sheet works without
// this script. Choices stay in this browser until they are saved as a file.
(() => {
  "use strict";
  const CHOICES = { approve: ["Approve", "a"], reject: ["Reject", "r"], again: ["Another seed", "s"] };
  const DONE = { approve: "approved", reject: "rejected", again: "to be made again" };
  const main = document.querySelector("main");
  const figures = [...main.querySelectorAll("figure[data-sha256]")];
  if (!figures.length) return;
  const batch = main.dataset.batch;
  const shelf = `backdrop-review-${batch}`;
  const chosen = new Map(figures.map((figure) => [figure, kept()[nameOf(figure)] ?? figure.dataset.choice ?? ""]));
  const listOf = (figure, what) => (figure.dataset[what] ?? "").split(" ").filter(Boolean);
  const doubts = (figure) => listOf(figure, "warnings").length + listOf(figure, "rules").length;

  const filter = menu("Show", [
    ["", "all pictures"],
    ["open", "not reviewed yet"],
    ["warnings", "with warnings"],
    ["rules", "with broken rules"],
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
  keys.textContent = "Keys: ← → go on, A approve, R reject, S another seed, U undo.";
  bar.append(filter.label, order.label, save, said, keys);
  main.before(bar);

  for (const figure of figures) {
    figure.tabIndex = 0;
    figure.setAttribute("aria-label", `${figure.dataset.photo} for ${figure.dataset.preset}`);
    const buttons = make("div", { className: "choices" });
    for (const [choice, [words]] of Object.entries(CHOICES)) {
      const button = make("button", { type: "button" });
      button.textContent = words;
      button.dataset.choose = choice;
      button.addEventListener("click", () => choose(figure, chosen.get(figure) === choice ? "" : choice));
      buttons.append(button);
    }
    figure.append(buttons);
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
      next?.focus();
    } else if (at && event.key.toLowerCase() === "u") choose(at, "");
    else return;
    event.preventDefault();
  });
  show();

  function nameOf(figure) {
    const { photo, preset, sha256, seed } = figure.dataset;
    return [photo, preset, sha256, seed].join("\n");
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
    try {
      localStorage.setItem(shelf, JSON.stringify({ ...kept(), [nameOf(figure)]: choice }));
    } catch {
      // Storage is full or not allowed, so choices last as long as the page.
    }
    show();
  }

  function shown(figure) {
    const [what, name] = filter.select.value.split(" ");
    if (!what) return true;
    if (what === "open") return !chosen.get(figure);
    if (what in DONE) return chosen.get(figure) === what;
    return name ? listOf(figure, what).includes(name) : listOf(figure, what).length > 0;
  }

  function show() {
    for (const figure of figures) {
      figure.hidden = !shown(figure);
      figure.dataset.chosen = chosen.get(figure);
      for (const button of figure.querySelectorAll("[data-choose]"))
        button.setAttribute("aria-pressed", String(button.dataset.choose === chosen.get(figure)));
    }
    for (const section of sections) {
      const own = figures.filter((one) => section.contains(one));
      section.hidden = Boolean(filter.select.value) && !own.some((one) => !one.hidden);
    }
    const count = (choice) => figures.filter((one) => chosen.get(one) === choice).length;
    const parts = Object.entries(DONE).map(([choice, words]) => `${count(choice)} ${words}`);
    said.textContent = `${parts.join(", ")}, ${count("")} open.`;
    const changes = changed().length;
    save.textContent = `Save the review (${changes})`;
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
    const choices = changed().map((figure) => {
      const { photo, preset, sha256, seed } = figure.dataset;
      return { photo, preset, sha256, seed: Number(seed), choice: chosen.get(figure) };
    });
    const file = new Blob([JSON.stringify({ batch, choices }, null, 1)], { type: "application/json" });
    const link = make("a", { href: URL.createObjectURL(file), download: "review.json" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    said.textContent = "Saved. Now run the same command with --redo and the path of review.json.";
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

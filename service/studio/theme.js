// Light, dark, or as the system has it. Not a module: it runs before the first paint, so that nothing flashes.
(() => {
  const kept = () => {
    try {
      return localStorage.getItem("backdrop-theme");
    } catch {
      return null; // storage is switched off: the system decides
    }
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = {
    /** "light" or "dark", as shown. */
    get shown() {
      return kept() ?? (dark.matches ? "dark" : "light");
    },
    /** Show the other one, and keep it; what the system has anyway is not kept. */
    turn() {
      const next = theme.shown === "dark" ? "light" : "dark";
      try {
        if ((next === "dark") === dark.matches) localStorage.removeItem("backdrop-theme");
        else localStorage.setItem("backdrop-theme", next);
      } catch {
        // shown for now, forgotten with the page
      }
      document.documentElement.dataset.theme = next;
    },
  };
  const set = () => (document.documentElement.dataset.theme = theme.shown);
  dark.addEventListener("change", set);
  set();
  globalThis.theme = theme;
})();

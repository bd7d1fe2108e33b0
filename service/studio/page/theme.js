// The colour theme: light, dark, or the system's. Not a module, so that it runs before the first paint.
(() => {
  const kept = () => {
    try {
      return localStorage.getItem("backdrop-theme");
    } catch {
      return null; // without storage, the system decides
    }
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = {
    /** "light" or "dark". */
    get shown() {
      return kept() ?? (dark.matches ? "dark" : "light");
    },
    /** Switch the theme and store it, unless it is the system's. */
    turn() {
      const next = theme.shown === "dark" ? "light" : "dark";
      try {
        if ((next === "dark") === dark.matches) localStorage.removeItem("backdrop-theme");
        else localStorage.setItem("backdrop-theme", next);
      } catch {
        // Without storage, the choice ends with the page.
      }
      document.documentElement.dataset.theme = next;
    },
  };
  const set = () => (document.documentElement.dataset.theme = theme.shown);
  dark.addEventListener("change", set);
  set();
  globalThis.theme = theme;
})();

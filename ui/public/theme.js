// Runs before the first paint, so that a dark page never flashes white. A file of its own because inline script is refused.
(function () {
  var chosen = null;
  try {
    chosen = localStorage.getItem("switchboard-scheme");
  } catch (refused) {
    // Storage is off; the system's choice holds.
  }
  var dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();

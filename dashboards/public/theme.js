// Runs before the first paint, so that a chosen theme never flashes the other one.
try {
  var theme = localStorage.getItem("trackseal.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch (blocked) {
  // Storage is refused: the system's theme applies.
}

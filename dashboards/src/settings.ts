import type { TemperatureUnit } from "./format/quantity";
import type { Zone } from "./format/time";
import { Store } from "./store";

// What a person prefers; it stays in this browser.
export type Theme = "system" | "light" | "dark";

function remembered<T extends string>(name: string, allowed: readonly T[], initial: T): Store<T> {
  let value = initial;
  try {
    const kept = localStorage.getItem(`trackseal.${name}`) as T | null;
    if (kept && allowed.includes(kept)) value = kept;
  } catch {
    // Refused storage: preferences last until reload.
  }
  const store = new Store<T>(value);
  store.watch((next) => {
    try {
      localStorage.setItem(`trackseal.${name}`, next);
    } catch {
      // As above.
    }
  });
  return store;
}

export const unit = remembered<TemperatureUnit>("unit", ["C", "F"], "C");
export const zone = remembered<Zone>("zone", ["local", "utc"], "local");
export const theme = remembered<Theme>("theme", ["system", "light", "dark"], "system");

// paintEpoch changes when colours may have changed, for what is painted on a canvas.
export const paintEpoch = new Store(0);
const repaint = () => paintEpoch.set(paintEpoch.value + 1);

theme.watch((next) => {
  if (next === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  repaint();
});
if (typeof matchMedia === "function") matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

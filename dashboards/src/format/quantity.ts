export type TemperatureUnit = "C" | "F";

type Shown = { label: string; unit: string; digits: number };

// Units as a person reads them; the API always speaks the units of docs/formats.md.
const shown: Record<string, Shown> = {
  temperature: { label: "Temperature", unit: "°C", digits: 1 },
  humidity: { label: "Humidity", unit: "%", digits: 0 },
  shock: { label: "Shock", unit: "m/s²", digits: 1 },
  shock_ms: { label: "Shock duration", unit: "ms", digits: 0 },
  vibration: { label: "Vibration", unit: "m/s²", digits: 1 },
  tilt: { label: "Tilt", unit: "°", digits: 0 },
  light: { label: "Light", unit: "lx", digits: 0 },
  door: { label: "Door", unit: "", digits: 0 },
  speed: { label: "Speed", unit: "m/s", digits: 1 },
  battery: { label: "Battery", unit: "%", digits: 0 },
};

export function labelOf(metric: string): string {
  return shown[metric]?.label ?? metric;
}

export function unitOf(metric: string, t: TemperatureUnit): string {
  if (metric === "temperature") return t === "F" ? "°F" : "°C";
  return shown[metric]?.unit ?? "";
}

export function convert(metric: string, value: number, t: TemperatureUnit): number {
  return metric === "temperature" && t === "F" ? (value * 9) / 5 + 32 : value;
}

// formatNumber takes a value that is already converted.
export function formatNumber(metric: string, value: number): string {
  const fixed = value.toFixed(shown[metric]?.digits ?? 2);
  return Number(fixed) === 0 ? fixed.replace("-", "") : fixed.replace("-", "−");
}

// formatValue converts, rounds and adds the unit: "4.1 °C".
export function formatValue(metric: string, value: number, t: TemperatureUnit): string {
  const unit = unitOf(metric, t);
  const number = formatNumber(metric, convert(metric, value, t));
  return unit ? `${number}\u00a0${unit}` : number;
}

// formatLimit keeps the digits of the rule set: "8 °C", not "8.0 °C".
export function formatLimit(metric: string, limit: number, t: TemperatureUnit): string {
  const converted = Math.round(convert(metric, limit, t) * 100) / 100;
  const unit = unitOf(metric, t);
  const number = String(converted).replace("-", "−");
  return unit ? `${number}\u00a0${unit}` : number;
}

import type { Quantity } from "#rest";
import { Store } from "../store";
import { sentence } from "./words";

export type TemperatureUnit = "C" | "F";

// quantities is the API's table; a name that is not in it stays readable. Units are as the API speaks them: only temperatures
// are shown in another one.
export const quantities = new Store<Quantity[]>([]);

const find = (metric: string) => quantities.value.find((q) => q.name === metric);

// Digits behind the point, where it is not one.
const digits: Record<string, number> = { humidity: 0, shock_ms: 0, tilt: 0, light: 0, door: 0, battery: 0, lat: 5, lon: 5 };

export const labelOf = (metric: string): string => find(metric)?.label ?? sentence(metric);

// inOrder sorts by the table; what it does not know comes last.
export function inOrder(metrics: Iterable<string>): string[] {
  const place = (metric: string) => quantities.value.findIndex((q) => q.name === metric) >>> 0;
  return [...new Set(metrics)].sort((a, b) => place(a) - place(b));
}

export function unitOf(metric: string, t: TemperatureUnit): string {
  const q = find(metric);
  return q?.unit === "Cel" && t === "F" ? "°F" : (q?.symbol ?? "");
}

export function convert(metric: string, value: number, t: TemperatureUnit): number {
  return find(metric)?.unit === "Cel" && t === "F" ? fahrenheit(value) : value;
}

const fahrenheit = (celsius: number) => (celsius * 9) / 5 + 32;

// formatNumber takes a value that is already converted.
export function formatNumber(metric: string, value: number): string {
  const fixed = value.toFixed(digits[metric] ?? 1);
  return Number(fixed) === 0 ? fixed.replace("-", "") : fixed.replace("-", "−");
}

// formatValue converts, rounds and adds the unit: "4.1 °C".
export function formatValue(metric: string, value: number, t: TemperatureUnit): string {
  return withUnit(formatNumber(metric, convert(metric, value, t)), unitOf(metric, t));
}

// formatLimit keeps the digits of the rule set: "8 °C", not "8.0 °C".
export function formatLimit(metric: string, limit: number, t: TemperatureUnit): string {
  return withUnit(shortest(convert(metric, limit, t)), unitOf(metric, t));
}

const withUnit = (number: string, unit: string) => (unit ? `${number}\u00a0${unit}` : number);
const shortest = (value: number) => String(Math.round(value * 100) / 100).replace("-", "−");

const celsius = /(-?\d+(?:\.\d+)?)(?: to (-?\d+(?:\.\d+)?))? °C/g;
const measured = /(\d) (?=(?:d|h|min|s|ms|m|lx|m\/s²)(?![\w/])|%)/g;

// inUnit writes a sentence of the API for the person: temperatures, which the API gives as "8 °C" or "2 to 8 °C", in their unit;
// no number parts from its unit.
export function inUnit(text: string, t: TemperatureUnit): string {
  const show = (number: string) => shortest(t === "F" ? fahrenheit(Number(number)) : Number(number));
  return text
    .replace(celsius, (_, from: string, to?: string) => withUnit(to === undefined ? show(from) : `${show(from)} to ${show(to)}`, `°${t}`))
    .replace(measured, "$1\u00a0");
}

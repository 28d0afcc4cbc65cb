import type { Compliance, Shipment } from "#rest";
import { inOrder } from "../format/quantity";

// What a trip is mostly about. Others come first as well when a rule is about them.
const usual = ["temperature", "humidity", "shock"];

// Positions are no lines over time.
const places = ["lat", "lon"];

// plotted are the quantities that a shipment has, in the order of the API's table: those that are shown at once, and more.
export function plotted(shipment: Shipment, compliance: Compliance | undefined): { first: string[]; more: string[] } {
  if (!shipment.last) return { first: usual, more: [] }; // nothing yet, or it cannot be asked for now
  const measured = inOrder(Object.keys(shipment.last.values)).filter((metric) => !places.includes(metric));
  const judged = [...Object.keys(compliance?.metrics ?? {}), ...(compliance?.excursions ?? []).map((e) => e.metric)];
  const first = measured.filter((metric) => usual.includes(metric) || judged.includes(metric));
  return first.length > 0 ? { first, more: measured.filter((metric) => !first.includes(metric)) } : { first: measured, more: [] };
}

import { describe, expect, test } from "vitest";
import type { JudgedBand, Excursion, RecordedExcursion, Rule } from "#rest";
import { availabilityText, bandPart, bandText, figureName, figureValue, flagsText, meaningWord, recordsOf, ruleStateWord, complianceStateText } from "../../src/format/judged";
import { ruleSentence } from "../../src/format/rules";

const plain = (text: string) => text.replaceAll("\u00a0", " ").replaceAll("\u202f", " ");

describe("a rule in words", () => {
  const limit = { metric: "temperature", op: ">", value: "8", mode: "instant" } as const;
  const cases: [string, object, string][] = [
    ["above at any moment", { limit }, "Temperature must not be above 8 °C at any moment"],
    ["inclusive is another word", { limit: { ...limit, op: ">=", value: "25.5" } }, "Temperature must stay below 25.5 °C at any moment"],
    ["below, inclusive", { limit: { ...limit, op: "<=", value: "-0.5", mode: "consecutive", duration_s: 3600 } }, "Temperature must stay above −0.5 °C for 1 h in a row"],
    ["cumulative in a window", { limit: { ...limit, op: "<", value: "2", mode: "cumulative", duration_s: 5400, window_s: 86_400 } }, "Temperature must not be below 2 °C for 1 h 30 min in all within any 1 d"],
    ["when it applies", { limit, stages: ["at_origin", "in_transit"], settle_s: 600, per: "leg", optional: true }, "Temperature must not be above 8 °C at any moment, at origin and in transit, after the first 10 min, anew for each custodian, if it is measured"],
    ["mean kinetic temperature", { mkt: { metric: "temperature", max: "8", window_s: 86_400 } }, "Mean kinetic temperature over any 1 d must not be above 8 °C"],
    ["budget", { budget: { metric: "temperature", label_min: "2", label_max: "8", bands: [{ id: "a", min: "8", max: "25", total_s: 3600 }, { id: "b", min: "0", max: "2" }] } }, "Temperature belongs at 2 to 8 °C; outside of it at most 1 h in all at 8 to 25 °C; any time at 0 to 2 °C"],
    ["shock", { shock: { min: "490", min_ms: "2", max_events: 1 } }, "At most 1 shock of 490 m/s² and more for 2 ms"],
    ["shock by velocity", { shock: { min_velocity: "1.5" } }, "No shock with 1.5 m/s of velocity change"],
    ["drop", { drop: { min_height: "0.3", max_events: 2 } }, "At most 2 drops from 0.3 m or higher"],
    ["vibration", { vibration: { max: "5", window_s: 60 } }, "Vibration must not be above 5 m/s² RMS over 1 min"],
    ["opening", { opening: { light_above: "50", door: true, max_open_s: 300, allowed_in: [{ id: "dock" }] } }, "Must not be open for more than 5 min but in dock, as the door or light above 50 lx tells"],
    ["fence", { geofence: { fences: [{ id: "port" }, { id: "yard" }], forbid: "outside", dwell_s: 60 } }, "The goods must not be outside of port, yard for 1 min"],
    ["corridor", { corridor: { within_m: 500 } }, "The goods must stay within 500 m of the route"],
    ["stop", { stop: { max_s: 1800, radius_m: 200 } }, "No stop of more than 30 min within 200 m"],
    ["silence", { silence: { max_s: 900, promise: true } }, "A reading at least every 15 min, and when the tracker promised one"],
    ["recorder", { recorder: { intervals: [{ trip_below_s: 86_400, max_interval_s: 300 }, { max_interval_s: 900 }], min: "-30", max: "30" } }, "Trackers must read every 5 min on trips below 1 d, read every 15 min, measure from −30 to 30 °C"],
    ["all", { all: [{ id: "x", limit }, { id: "y", silence: { max_s: 60 } }] }, "Not all of these at once: Temperature must not be above 8 °C at any moment; A reading at least every 1 min"],
    ["any", { any: [{ id: "x", limit }, { id: "y", title: "Something new" }] }, "Not any of these: Temperature must not be above 8 °C at any moment; Something new"],
  ];
  for (const [name, rule, want] of cases) test(name, () => expect(plain(ruleSentence({ id: "r", ...rule } as Rule, "C"))).toBe(want));

  test("is in the person's unit", () => {
    expect(plain(ruleSentence({ id: "r", limit }, "F"))).toBe("Temperature must not be above 46.4 °F at any moment");
  });

  test("is left to the api when this page does not know the kind, or a part of it", () => {
    expect(ruleSentence({ id: "r", magnetism: {} } as Rule, "C")).toBe("");
    expect(ruleSentence({ id: "r", limit: { ...limit, op: "≠" } } as unknown as Rule, "C")).toBe("");
    expect(ruleSentence({ id: "r", limit: { ...limit, mode: "sometimes" } } as unknown as Rule, "C")).toBe("");
    expect(ruleSentence({ id: "r", all: [{ id: "x", limit }, { id: "y" }] }, "C")).toBe("");
  });
});

describe("what was judged, in words", () => {
  const band: JudgedBand = { rule: "b", band: "room", tracker: "", level: "ok", spent_s: 1800, max_s: 3600, longest_s: 600, max_single_s: 0, charged_s: 0, carried_s: 0 };

  test("a budget's band", () => {
    expect(plain(bandText(band))).toBe("30 min of 1 h spent");
    expect(plain(bandText({ ...band, max_s: 0, max_single_s: 900, charged_s: 60, carried_s: 120 }))).toBe("30 min spent · longest stay 10 min of 15 min · 1 min of it unknown time · 2 min of it before this shipment");
    expect([band, { ...band, max_single_s: 660 }, { ...band, spent_s: 9000 }, { ...band, max_s: 0 }].map(bandPart)).toEqual([0.5, 600 / 660, 1, null]);
  });

  test("what the ledger held at a handover", () => {
    const none = { to: null, verified: 0, budget: [] };
    expect(complianceStateText({ ...none, revision: 0, result: "", open: 0, total: 0 })).toBe("No verdict on the ledger yet; no excursion");
    expect(complianceStateText({ ...none, revision: 3, result: "inconclusive", open: 0, total: 1 })).toBe("Inconclusive, revision 3; 1 excursion, none open");
    expect(complianceStateText({ ...none, revision: 3, result: "non_compliant", open: 1, total: 2, verified: 1 })).toBe("Not compliant, revision 3; 1 excursion, 1 still open; 1 verified breach");
    expect(complianceStateText({ ...none, revision: 3, result: "non_compliant", open: 0, total: 2, verified: 2 })).toBe("Not compliant, revision 3; 2 verified breaches");
  });

  test("figures", () => {
    const figure = (name: string, value: string, u: string) => ({ rule: "r", tracker: "t", name, value, unit: u });
    expect([figure("mkt", "5.214", "Cel"), figure("x", "90", "s"), figure("x", "12", ""), figure("x", "9.81", "m/s2"), figure("x", "40", "ms"), figure("x", "many", "")].map((f) => plain(figureValue(f, "C")))).toEqual([
      "5.2 °C", "1 min 30 s", "12", "9.8 m/s²", "40 ms", "many",
    ]);
    expect(plain(figureValue(figure("mkt", "5", "Cel"), "F"))).toBe("41.0 °F");
    expect([figureName("mkt"), figureName("soft_falls")]).toEqual(["Mean kinetic temperature", "Soft falls"]);
  });

  test("flags, most first, and no number for what was not to be expected", () => {
    expect(flagsText({ jump: 1, outlier: 3, constancy: 0, gremlin: 2 })).toBe("3 outliers, 2 gremlin, 1 jump");
    expect(flagsText({ jump: 0 })).toBe("nothing odd");
    expect([0.99999, 1, null, undefined].map((n) => plain(availabilityText(n)).split(" of")[0])).toEqual(["99.9 %", "100 %", "", ""]);
  });

  test("words that this page does not know stay readable", () => {
    expect([ruleStateWord("not_judged"), ruleStateWord("half_met"), meaningWord("witnessed")]).toEqual(["Not judged", "Half met", "Witnessed"]);
  });

  test("an excursion's records: by id, or verified by the peers within it", () => {
    const e: Excursion = { id: "a", rule: "hot", metric: "temperature", tracker: "t", severity: "major", start: "2026-01-01T00:00:10Z", end: "2026-01-01T00:00:20Z", peak: "", limit: "", kind: "limit", out_s: 10, note: "", held_by: null, ledger_tx: null, verified: false, acknowledgements: 0, messages: [] };
    const r = (more: Partial<RecordedExcursion>): RecordedExcursion => ({ id: "x", rule: "hot", metric: "temperature", tracker: "t", start: "2026-01-01T00:00:15Z", end: null, peak: "", limit: "", by: "", opened_at: "", open_tx: "", closed_at: null, close_tx: null, witnesses: [], found: true, verified: true, acknowledgements: [], ...more });
    const all = [r({ id: "a", verified: false }), r({ id: "in" }), r({ id: "late", start: "2026-01-01T00:00:21Z" }), r({ id: "other", tracker: "u" }), r({ id: "cold", rule: "cold" }), r({ id: "claim", verified: false })];
    expect(recordsOf(e, all).map((x) => x.id)).toEqual(["a", "in"]);
    expect(recordsOf({ ...e, end: null }, all).map((x) => x.id)).toEqual(["a", "in", "late"]);
  });
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JudgedBand, Excursion, JudgedOpinion, RecordedExcursion } from "#rest";
import { availabilityText, bandPart, bandText, clockText, confirmedText, figureValue, flagsText, meaningWord, newestOf, recordsOf, releaseText, ruleStateWord, standings, complianceStateText, signer, trustText } from "../../src/format/judged";
import { quantities } from "../../src/format/quantity";
import * as fixtures from "../browser/fixtures";

const plain = (text: string) => text.replaceAll("\u00a0", " ").replaceAll("\u202f", " ");

describe("what was judged, in words", () => {
  beforeAll(() => quantities.set(fixtures.quantities));
  afterAll(() => quantities.set([]));

  const band: JudgedBand = { rule: "b", band: "room", tracker: "", level: "ok", spent_s: 1800, max_s: 3600, longest_s: 600, max_single_s: 0, charged_s: 0, carried_s: 0 };

  test("a budget's band", () => {
    expect(plain(bandText(band))).toBe("30 min of 1 h spent");
    expect(plain(bandText({ ...band, max_s: 0, max_single_s: 900, charged_s: 60, carried_s: 120 }))).toBe("30 min spent · longest stay 10 min of 15 min · 1 min charged for unknown time · 2 min carried over from before this shipment");
    expect([band, { ...band, max_single_s: 660 }, { ...band, spent_s: 9000 }, { ...band, max_s: 0 }].map(bandPart)).toEqual([0.5, 600 / 660, 1, null]);
  });

  test("what the ledger held at a handover", () => {
    const by = (name: string, result: string) => ({ by: name, revision: 3, result, to: null, budget: [] });
    const none = { reason: "", opinions: [], verified: 0 };
    expect(complianceStateText({ ...none, result: "", open: 0, total: 0 })).toBe("No verdict on the ledger yet; no excursion");
    expect(complianceStateText({ ...none, opinions: [by("carrier", "inconclusive")], result: "inconclusive", open: 0, total: 1 })).toBe("Inconclusive, revision 3; 1 excursion, none open");
    expect(complianceStateText({ ...none, opinions: [by("carrier", "non_compliant")], result: "non_compliant", open: 1, total: 2, verified: 1 })).toBe("Not compliant, revision 3; 1 excursion, 1 still open; 1 verified breach");
    expect(complianceStateText({ ...none, opinions: [by("carrier", "non_compliant")], result: "non_compliant", open: 0, total: 2, verified: 2 })).toBe("Not compliant, revision 3; 2 verified breaches");
    const differ = { ...none, opinions: [by("carrier", "non_compliant"), by("shipper", "compliant")], result: "inconclusive", reason: "the parties differ: …" };
    expect(complianceStateText({ ...differ, open: 0, total: 0 })).toBe("Inconclusive: the parties differ: …; no excursion");
  });

  test("a wrong clock", () => {
    const received_at = "2026-11-30T12:00:00.000Z";
    const at = (time: string, undated = false, trust: "signed" | "unsigned" = "signed") => plain(clockText({ time, received_at, trust, ...(undated ? { undated } : {}) }));
    expect(at("2026-11-30T12:00:30.000Z")).toBe("");
    expect(at("2026-11-30T12:01:00.000Z")).toBe("Clock 1 min fast");
    expect(at("2026-11-30T12:03:00.000Z", true, "unsigned")).toBe("Clock 3 min fast: its times do not count");
    expect(at("1980-01-06T00:00:00.000Z", true)).toBe("Clock not set: its times do not count");
    expect(at("1970-01-01T00:00:00.000Z", true, "unsigned")).toBe("");
    expect(at("2026-11-30T11:59:31.000Z")).toBe("");
    expect(at("2026-11-30T11:57:00.000Z")).toBe("Clock 3 min slow, or the message was delayed");
    expect(at("2026-11-30T11:57:00.000Z", false, "unsigned")).toBe("");
    expect(at("2026-11-30T11:44:00.000Z")).toBe("");
  });

  test("the parties' opinions", () => {
    const c = fixtures.compliance;
    expect(confirmedText(c)).toBe("Not compliant, confirmed by 1 of 4 parties");
    expect(confirmedText({ ...c, confirmed: { by: 1, of: 1 } })).toBe("Not compliant, confirmed by 1 of 1 party");
    expect(standings(c).map((s) => s.text + (s.from ? ` ${s.from} on` : ""))).toEqual([
      `consignee says compliant, and finds otherwise from ${c.opinions[2]!.differ_from} on`,
      "shipper said compliant, from earlier readings",
      "No verdict yet from auditor",
    ]);
    const of = (more: Partial<JudgedOpinion>) => standings({ opinions: [{ ...c.opinions[1]!, ...more }] })[0]?.text;
    expect(of({})).toBeUndefined();
    expect(of({ reason: "rule x is met there and unknown here" })).toBe("carrier says the same: rule x is met there and unknown here");
    expect(of({ reason: "rule x finds otherwise", differ_from: c.from! })).toBe("carrier says the same, and finds otherwise from");
    expect(of({ standing: "ahead" })).toBe("carrier says not compliant, from readings that are not here yet");
    expect(of({ standing: "other_history", reason: "judged from another history of log 00" })).toBe("carrier says not compliant, judged from another history of log 00");
    expect(of({ standing: "differs", reason: "its detail does not tell where" })).toBe("carrier says not compliant: its detail does not tell where");
    expect([releaseText(1), releaseText(3)]).toEqual(["A release needs a party that confirms the verdict it rests on", "A release needs 3 parties that confirm the verdict it rests on"]);
    const revision = fixtures.compliance.revisions.at(-1)!;
    expect(newestOf([revision, { ...revision, by: "auditor", revision: 1 }, { ...revision, revision: 1 }]).map((r) => `${r.by} ${r.revision}`)).toEqual(["auditor 1", `carrier ${revision.revision}`]);
  });

  test("who signed, a machine visibly", () => {
    const by = (kind: "person" | "machine", name: string) => signer(fixtures.signature({ ...fixtures.mia, kind, name }, "reviewed", 0));
    expect([by("person", "Mia Berg"), by("machine", "gate-7")]).toEqual(["Mia Berg of carrier", "gate-7 (machine) of carrier"]);
  });

  test("figures", () => {
    const figure = (name: string, value: string, u: string) => ({ rule: "r", tracker: "t", name, value, unit: u });
    expect([figure("mkt", "5.214", "Cel"), figure("x", "90", "s"), figure("x", "12", ""), figure("x", "9.81", "m/s2"), figure("x", "40", "ms"), figure("x", "many", "")].map((f) => plain(figureValue(f, "C")))).toEqual([
      "5.2 °C", "1 min 30 s", "12", "9.8 m/s²", "40 ms", "many",
    ]);
    expect(plain(figureValue(figure("mkt", "5", "Cel"), "F"))).toBe("41.0 °F");
  });

  test("flags, most first, and no number for what was not to be expected", () => {
    expect(flagsText({ jump: 1, outlier: 3, constancy: 0, gremlin: 2 })).toBe("3 outliers, 2 gremlin, 1 jump");
    expect(flagsText({ jump: 0 })).toBe("nothing odd");
    expect([0.99999, 1, null, undefined].map((n) => plain(availabilityText(n)).split(" of")[0])).toEqual(["99.9 %", "100 %", "", ""]);
  });

  test("what vouches for a tracker's messages", () => {
    const of = (trust: Parameters<typeof trustText>[0]["trust"], gateway = "", profile = "") => trustText({ trust, maker: "Acme", gateway, profile });
    expect([of("attested"), of("device_signed"), of("gateway_signed", "c.G"), of("unsigned"), of("unsigned", "c.G"), of("unsigned", "", "p@1"), of("unknown")]).toEqual([
      "Signed by the device, whose key Acme attests", "Signed by the device", "Signed for the device by gateway c.G", "Not signed", "Not signed, through gateway c.G", "Not signed, read by p@1", "",
    ]);
  });

  test("words that this page does not know stay readable", () => {
    expect([ruleStateWord("not_judged"), ruleStateWord("half_met"), meaningWord("witnessed")]).toEqual(["Not judged", "Half met", "Witnessed"]);
  });

  test("an excursion's records: by id, or verified by the peers within it", () => {
    const e: Excursion = { id: "a", rule: "hot", metric: "temperature", tracker: "t", severity: "major", start: "2026-01-01T00:00:10Z", end: "2026-01-01T00:00:20Z", peak: "", limit: "", kind: "limit", out_s: 10, note: "", held_by: null, ledger_tx: null, verified: false, allowed: false, acknowledgements: 0, messages: [] };
    const r = (more: Partial<RecordedExcursion>): RecordedExcursion => ({ id: "x", rule: "hot", metric: "temperature", tracker: "t", start: "2026-01-01T00:00:15Z", end: null, peak: "", limit: "", by: "", opened_at: "", open_tx: "", closed_at: null, close_tx: null, witnesses: [], found: true, verified: true, acknowledgements: [], ...more });
    const all = [r({ id: "a", verified: false }), r({ id: "in" }), r({ id: "late", start: "2026-01-01T00:00:21Z" }), r({ id: "other", tracker: "u" }), r({ id: "cold", rule: "cold" }), r({ id: "claim", verified: false })];
    expect(recordsOf(e, all).map((x) => x.id)).toEqual(["a", "in"]);
    expect(recordsOf({ ...e, end: null }, all).map((x) => x.id)).toEqual(["a", "in", "late"]);
  });
});

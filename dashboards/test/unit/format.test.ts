import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Network } from "#rest";
import { behindBy, healthOf } from "../../src/api/network";
import { formatLimit, formatNumber, formatValue, inOrder, inUnit, labelOf, quantities } from "../../src/format/quantity";
import { formatAgo, formatDateTime, formatSpan, formatUtc } from "../../src/format/time";
import { checkTitle, count, plural, sentence, shortHash, stateWord, verdictWord } from "../../src/format/words";
import { parseRoute } from "../../src/route";
import * as fixtures from "../browser/fixtures";

const plain = (text: string) => text.replaceAll("\u00a0", " ").replaceAll("\u202f", " ");

describe("quantities", () => {
  beforeAll(() => quantities.set(fixtures.quantities));
  afterAll(() => quantities.set([]));

  test("have the names and the order of the api's table", () => {
    expect([labelOf("temperature"), labelOf("new_thing")]).toEqual(["Temperature", "New thing"]);
    expect(inOrder(["new_thing", "shock", "temperature", "shock"])).toEqual(["temperature", "shock", "new_thing"]);
  });

  test("temperatures in a sentence of the api follow the person", () => {
    const said = "temperature above 8 °C for 26 h 5 min, less than 10 min is allowed; worst -0.5 °C, at 2 to 8 °C; 314 m/s², 9 s/d, T-90 s";
    expect(inUnit(said, "C").replaceAll("\u00a0", "~")).toBe("temperature above 8~°C for 26~h 5~min, less than 10~min is allowed; worst −0.5~°C, at 2 to 8~°C; 314~m/s², 9 s/d, T-90~s");
    expect(plain(inUnit(said, "F"))).toContain("above 46.4 °F for 26 h 5 min, less than 10 min is allowed; worst 31.1 °F, at 35.6 to 46.4 °F;");
  });

  test("are rounded for reading", () => {
    expect(plain(formatValue("temperature", 4.06, "C"))).toBe("4.1 °C");
    expect(plain(formatValue("temperature", 4.06, "F"))).toBe("39.3 °F");
    expect(plain(formatValue("temperature", -40, "F"))).toBe("−40.0 °F");
    expect(plain(formatValue("humidity", 55.5, "F"))).toBe("56 %RH");
    expect(plain(formatValue("new_thing", 1.234, "C"))).toBe("1.2");
    expect(formatNumber("temperature", -0.01)).toBe("0.0");
  });

  test("limits keep their own digits", () => {
    expect(plain(formatLimit("temperature", 8, "C"))).toBe("8 °C");
    expect(plain(formatLimit("temperature", -0.5, "C"))).toBe("−0.5 °C");
    expect(plain(formatLimit("temperature", 8, "F"))).toBe("46.4 °F");
  });
});

describe("times", () => {
  const at = Date.parse("2026-11-22T23:04:05.678Z");
  test("in UTC are unambiguous", () => {
    expect(formatUtc(at)).toBe("2026-11-22 23:04:05.678 UTC");
    expect(formatDateTime(at, "utc")).toBe("22 Nov 2026, 23:04");
  });

  test("spans use two units", () => {
    expect([0, 0.4, 59, 60, 5400, 86_400, 90_061, 3605].map((s) => plain(formatSpan(s)))).toEqual(["0 s", "0 s", "59 s", "1 min", "1 h 30 min", "1 d", "1 d 1 h", "1 h"]);
  });

  test("ago has one unit and a future", () => {
    expect([0, 1_000, 6_000, 90_000, 7_200_000].map((d) => plain(formatAgo(at - d, at)))).toEqual(["now", "now", "6 s ago", "1 min ago", "2 h ago"]);
    expect(plain(formatAgo(at + 120_000, at))).toBe("in 2 min");
  });
});

test("words stay readable for what this page does not know yet", () => {
  expect(stateWord("in_transit")).toBe("In transit");
  expect(verdictWord("non_compliant")).toBe("Not compliant");
  expect(checkTitle("fields")).toBe("Stored values");
  expect(checkTitle("witness_seal")).toBe("Witness seal");
  expect(plain(count(1234567))).toBe("1 234 567");
  expect([plural(1, "message"), plural(0, "message"), plain(plural(1200, "entry", "entries"))]).toEqual(["1 message", "0 messages", "1 200 entries"]);
  expect(shortHash("a".repeat(64))).toBe("aaaaaa…aaaaaa");
  expect(sentence("")).toBe("");
});

test("routes", () => {
  const route = (hash: string) => {
    const { path, id, query } = parseRoute(hash, ["shipments", "shipments/:id", "network"]);
    return [path, id, query.toString()];
  };
  expect(route("#/shipments?state=in_transit")).toEqual(["shipments", "", "state=in_transit"]);
  expect(route("#/shipments/a%2Fb")).toEqual(["shipments/:id", "a/b", ""]);
  expect(route("#/network/")).toEqual(["network", "", ""]);
  for (const nowhere of ["", "#/x/y", "#/shipments/%E0%A4%A", "#/network/x"]) expect(route(nowhere)[0]).toBe("");
});

describe("health", () => {
  const peer = (org: string, height: number, up = true) => ({ org, role: "peer", address: "", up, height });
  const well: Network = {
    org: "a",
    ok: true,
    nodes: [peer("a", 10), peer("b", 9), { ...peer("a", 10), role: "orderer" }],
    ingest: [{ id: "i", ok: true, status: { logged: 0, anchored: 442, pending_anchor: 3, last_anchor: { size: 1, tx: "", block: 2, time_ms: 5 } } }],
    copies: [],
    unusable: [],
    unknown: [],
    influx: { ok: true },
    ledger: { ok: true },
  };

  test("is in step", () => {
    expect(healthOf(well)).toEqual({ peers: 2, peersUp: 2, orderers: 1, orderersUp: 1, height: 10, lag: 3, anchoredAt: 5, trouble: [] });
  });

  test("names each trouble", () => {
    const sick: Network = {
      ...well,
      nodes: [peer("a", 10), peer("b", 5), peer("c", 0, false), { ...peer("a", 0, false), role: "orderer" }, { ...peer("b", 4), role: "orderer" }],
      ingest: [{ id: "i", ok: false }],
      copies: [
        {
          ingest: "i",
          ok: false,
          error: "no",
          anchored: 2,
          copied: 1,
          behind_s: 30,
          findings: [{ by: "a.ingest-1", log: "ab", subject: "S-1", leaf: 3, what: "differs", detail: "other bytes", since: "2026-01-01T00:00:00.000Z" }],
          more: 0,
        },
        { ingest: "j", ok: false, error: "not asked yet", findings: [], more: 0 },
      ],
      unusable: [{ member: "b", what: "ingest", id: "b.in", address: "http://b:1", why: "it must be https" }],
      influx: { ok: false },
    };
    expect(healthOf(sick).trouble).toEqual([
      "Peer of c does not answer",
      "Peer of b is 5 blocks behind",
      "Orderer of a does not answer",
      "Orderer of b is 6 blocks behind",
      "Ingest i cannot be asked",
      "Telemetry store cannot be asked",
      "The copy of what i stores does not go on",
      "a (a.ingest-1) gives otherwise than it was logged: message 3 of S-1 and what follows it. other bytes",
      "Nothing is known yet of the copy of what j stores",
      "b announces http://b:1 for its ingest b.in, which nobody here calls: it must be https",
    ]);
    expect(healthOf(sick).lag).toBeNull();
    expect(healthOf({ ...well, nodes: [], ledger: { ok: false } }).trouble).toEqual(["Ledger network cannot be asked"]);
    const stopped: Network = { ...well, ingest: [{ id: "i", ok: false, error: "anchors: journal and ledger disagree", status: { pending_anchor: 9 } }] };
    expect(healthOf(stopped).trouble).toEqual(["Ingest i is not ready: anchors: journal and ledger disagree"]);
    expect(healthOf(stopped).lag).toBe(9);
  });

  test("one block of gossip is not behind", () => {
    expect([10, 8, 7].map((h) => behindBy(peer("a", h), 10))).toEqual([0, 0, 3]);
  });
});

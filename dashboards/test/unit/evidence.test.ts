import { afterEach, describe, expect, test, vi } from "vitest";
import { Problem } from "../../src/api/problem";
import { download } from "../../src/evidence/download";
import { commandOf, newNonce, problemOfNonce } from "../../src/evidence/nonce";
import { NotAPolicy, readPolicy, rememberedPolicy, rememberPolicy, summaryOf } from "../../src/evidence/policy";
import { confirmedBy, outcomeOf, reportFrom, worstFirst, type Report } from "../../src/evidence/report";
import { formatBytes } from "../../src/format/words";

const report = (more: Partial<Report> = {}): Report => ({
  version: 1,
  bundle: "aa",
  policy: "bb",
  kind: "shipment",
  channel: "trackseal",
  shipment: "S-1",
  verdicts: { authentic: "pass", anchored: "pass", final: "pass", complete: "pass", compliant: "unknown" },
  passed: true,
  required: ["authentic", "anchored", "final", "complete"],
  findings: [],
  facts: { messages: 1, withheld: 0, trackers: [], anchors: [], attested: [], consensus: "BFT" },
  exit: 0,
  ...more,
});

describe("a report", () => {
  test("says by how many parties it is confirmed", () => {
    const by = (more: Partial<Report>) => confirmedBy(report(more), (msp) => msp.replace("MSP", ""));
    expect(by({})).toBe("");
    const said = (name: string, standing: "right" | "wrong" | "unchecked") => ({ by: `${name}MSP`, result: "compliant", standing });
    expect(by({ confirmed: { by: 2, of: 3 }, opinions: [said("A", "right"), said("B", "right")] })).toBe("2 of 3 parties");
    expect(by({ confirmed: { by: 1, of: 3 }, opinions: [said("A", "right"), said("B", "wrong"), said("C", "unchecked")] })).toBe("1 of 3 parties; not what the readings give: B");
  });

  test("counts only for the shipment that was asked for", () => {
    expect(outcomeOf(report(), "S-1")).toMatchObject({ tone: "good", title: "Everything that your policy requires passed", other: false });
    expect(outcomeOf(report(), "S-2")).toMatchObject({ tone: "bad", title: "This bundle is for S-1, not for this shipment", other: true });
    expect(outcomeOf(report({ shipment: "" }), "S-2").tone).toBe("bad");
    expect(outcomeOf(report({ kind: "message" }), "S-1").title).toMatch(/^One message only/);
  });

  test("names what did not pass, of what the policy asks for", () => {
    const verdicts = { ...report().verdicts, final: "fail", complete: "unknown", compliant: "fail" } as const;
    expect(outcomeOf(report({ passed: false, verdicts }), "S-1")).toMatchObject({ tone: "bad", title: "Not passed: final failed" });
    const open = { ...report().verdicts, complete: "unknown" } as const;
    expect(outcomeOf(report({ passed: false, verdicts: open }), "S-1")).toMatchObject({ tone: "unsure", title: "Not passed: complete unknown" });
  });

  test("tells the worst first, and else keeps the order", () => {
    const finding = (code: string, severity: "fail" | "unknown" | "warn") => ({ code, severity, verdict: "final", where: "", expected: "", found: "" });
    const list = [finding("a", "warn"), finding("b", "unknown"), finding("c", "fail"), finding("d", "unknown"), finding("e", "fail")];
    expect(worstFirst(list).map((f) => f.code).join("")).toBe("cebda");
    expect(list[0]!.code).toBe("a");
  });

  test("is whole or none", () => {
    expect(reportFrom(JSON.stringify(report()))).toEqual(report());
    expect(() => reportFrom('{"error":"policy: version must be 1"}')).toThrow("version must be 1");
    for (const part of [{}, { ...report(), version: 2 }, { ...report(), passed: "yes" }, { ...report(), verdicts: { authentic: "pass" } }, { ...report(), findings: null }]) {
      expect(() => reportFrom(JSON.stringify(part))).toThrow("does not recognise the shape");
    }
  });
});

describe("download", () => {
  const stream = (...chunks: (Uint8Array<ArrayBuffer> | Error)[]) =>
    new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        const next = chunks.shift();
        if (next instanceof Error) controller.error(next);
        else if (next) controller.enqueue(next);
        else controller.close();
      },
    });
  const bytes = (n: number, fill: number) => new Uint8Array(n).fill(fill);
  const never = new AbortController().signal;

  test("keeps every byte in its place, also when it puts chunks together", async () => {
    const seen: number[] = [];
    const sizes = [1, 5 << 20, 4 << 20, 3];
    const blob = await download(stream(...sizes.map(bytes)), (n) => seen.push(n), never);
    const whole = new Uint8Array(await blob.arrayBuffer());
    expect(seen).toEqual([1, 1 + (5 << 20), 1 + (9 << 20), 4 + (9 << 20)]);
    expect([whole.length, whole[0], whole[1], whole[5 << 20], whole[1 + (5 << 20)], whole.at(-4), whole.at(-1)]).toEqual([4 + (9 << 20), 0, 1, 1, 2, 2, 3]);
  });

  const failures: [string, ReadableStream<Uint8Array<ArrayBuffer>>, Partial<Problem>][] = [
    ["an end in the middle", stream(bytes(9, 1), new TypeError("network")), { code: "cut_off" }],
    ["too much", stream(bytes(60, 1), bytes(60, 1)), { code: "too_large" }],
  ];
  for (const [name, bundle, want] of failures) {
    test(`tells ${name} as a problem`, async () => {
      const failure = await download(bundle, () => {}, never, 100).catch((e: unknown) => e);
      expect(failure).toBeInstanceOf(Problem);
      expect(failure).toMatchObject(want);
    });
  }
});

describe("a policy file", () => {
  afterEach(() => vi.unstubAllGlobals());
  const file = (name: string, text: string) => Object.assign(new Blob([text]), { name });
  const good = '{"channel":"trackseal","roots":{"AMSP":[],"BMSP":[]},"require":["final"]}';

  test("is looked at before the verifier reads it", async () => {
    const policy = await readPolicy(file("p.json", good));
    expect(policy).toEqual({ name: "p.json", text: good });
    expect(summaryOf(policy)).toEqual({ channel: "trackseal", roots: 2, required: ["final"] });
    for (const text of ["", "{", "[]", "null", "{}", '{"channel":"c"}', "x".repeat(2 << 20)]) {
      await expect(readPolicy(file("p.json", text))).rejects.toThrow(NotAPolicy);
    }
  });

  test("is remembered on wish, and lost quietly where nothing can be stored", () => {
    const policy = { name: "p.json", text: good };
    expect(rememberPolicy(policy)).toBe(false); // there is no storage here
    expect(rememberedPolicy()).toBeNull();
    const kept = new Map<string, string>();
    vi.stubGlobal("localStorage", { getItem: (k: string) => kept.get(k) ?? null, setItem: (k: string, v: string) => kept.set(k, v), removeItem: (k: string) => kept.delete(k) });
    expect(rememberPolicy(policy)).toBe(true);
    expect(rememberedPolicy()).toEqual(policy);
    expect(rememberPolicy(null)).toBe(false);
    expect(rememberedPolicy()).toBeNull();
    kept.set("trackseal.evidence.policy", '{"name":1}');
    expect(rememberedPolicy()).toBeNull();
  });
});

test("a nonce is fresh, and checked when a person types one", () => {
  expect(newNonce()).toMatch(/^[0-9a-f]{32}$/);
  expect(newNonce()).not.toBe(newNonce());
  expect(["", "00ff", "0", "xy", "AB"].map((n) => problemOfNonce(n) === "")).toEqual([true, true, false, false, false]);
});

test("the command is safe to paste", () => {
  expect(commandOf("S-1.tsb", "policy.json", "00ff")).toBe("go run ./verify S-1.tsb --policy policy.json --nonce 00ff");
  expect(commandOf("a b'$(x).tsb", "-p.json", "", "message")).toBe("go run ./verify message 'a b'\\''$(x).tsb' --policy ./-p.json");
});

test("sizes read as a person says them", () => {
  expect([0, 999, 1500, 608_321, 12_345_678, 3e9].map((n) => formatBytes(n).replace("\u00a0", " "))).toEqual(["0 bytes", "999 bytes", "1.5 kB", "608 kB", "12 MB", "3.0 GB"]);
});

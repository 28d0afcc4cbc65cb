import { describe, expect, test } from "vitest";
import { Client } from "../../src/api/client";
import { Problem } from "../../src/api/problem";
import { credentialsIn, signIn } from "../../src/api/session";

const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });

const client = (send: (request: Request) => Promise<Response>, onSignedOut = () => {}) => new Client("t", onSignedOut, send, "http://h");

describe("Client", () => {
  test("sends the token, escapes the id, leaves empty members out", async () => {
    const seen: string[] = [];
    const api = client(async ({ url, headers }) => {
      seen.push(`${url} ${headers.get("Authorization")}`);
      return json({ items: [] });
    });
    await api.shipments(undefined, 50, undefined);
    await api.shipment("a/b?c");
    await api.telemetry("s", { from: "x", to: "y", fields: ["door", "light"] });
    expect(seen).toEqual(["http://h/v1/shipments?limit=50 Bearer t", "http://h/v1/shipments/a%2Fb%3Fc Bearer t", "http://h/v1/shipments/s/telemetry?from=x&to=y&fields=door,light&limit=5000 Bearer t"]);
  });

  test("follows cursors and says when it stopped early", async () => {
    const api = client(async ({ url }) => {
      const at = Number(new URL(url).searchParams.get("cursor") ?? 0);
      return json({ items: [{ time: "2026-01-01T00:00:00.000Z", tracker: "x", values: {} }], ...(at < 9 ? { next: String(at + 1) } : {}) });
    });
    const window = { from: "a", to: "b" };
    expect(await api.telemetry("s", window)).toMatchObject({ items: { length: 10 }, cut: false });
    expect(await api.telemetry("s", window, undefined, 4)).toMatchObject({ items: { length: 4 }, cut: true });
  });

  const failures: [string, () => Promise<Response>, Partial<Problem>][] = [
    ["problem+json", async () => json({ title: "Service Unavailable", detail: "away", code: "store_unavailable" }, 503), { status: 503, code: "store_unavailable", detail: "away", title: "The telemetry store is unavailable" }],
    ["wrong fields", async () => json({ detail: "validation failed", errors: [{ field: "query.from", detail: "must be RFC 3339" }, { detail: 7 }, null] }, 500), { detail: "validation failed; query.from: must be RFC 3339" }],
    ["a proxy's page", async () => new Response("<html>", { status: 502 }), { status: 502, title: "The server had an error" }],
    ["no network", async () => Promise.reject(new TypeError("fetch failed")), { status: 0, title: "The server cannot be reached" }],
  ];
  for (const [name, send, want] of failures) {
    test(`tells ${name} as a problem`, async () => {
      const failure = await client(send).shipment("x").catch((e: unknown) => e);
      expect(failure).toBeInstanceOf(Problem);
      expect(failure).toMatchObject({ ...want, transient: true });
    });
  }

  test("says when the session has ended", async () => {
    let ended = false;
    await client(async () => json({}, 401), () => (ended = true)).shipment("x").catch(() => {});
    expect(ended).toBe(true);
  });

  test("an aborted request is no problem", async () => {
    const stop = new AbortController();
    stop.abort();
    const failure = await client(() => Promise.reject(stop.signal.reason)).shipment("x", stop.signal).catch((e: unknown) => e);
    expect(failure).not.toBeInstanceOf(Problem);
  });
});

describe("session", () => {
  test("reads credentials from a fragment", () => {
    expect(credentialsIn("#client=a&secret=b%26c")).toEqual({ client: "a", secret: "b&c" });
    for (const hash of ["", "#/shipments", "#client=a", "#secret=b", "#client=&secret=b"]) expect(credentialsIn(hash)).toBeNull();
  });

  test("trades a secret for a token", async () => {
    const session = await signIn("a", "s&t", 1000, async (url, init) => {
      expect(String(url)).toBe("/oauth2/token");
      expect(String(init!.body)).toBe("grant_type=client_credentials&client_id=a&client_secret=s%26t");
      return json({ access_token: "jwt", token_type: "Bearer", expires_in: 60, scope: "x y" });
    });
    expect(session).toEqual({ client: "a", token: "jwt", expiresAt: 61_000, scopes: ["x", "y"] });
  });

  test("tells a wrong secret from a broken server", async () => {
    const fails = (body: unknown, status: number) => signIn("a", "b", 0, async () => json(body, status)).catch((e: unknown) => e);
    expect(await fails({ error: "invalid_client" }, 401)).toMatchObject({ code: "invalid_client" });
    expect(await fails({}, 500)).toMatchObject({ status: 500, title: "The server had an error" });
    expect(await fails({}, 404)).toMatchObject({ code: "no_issuer" });
  });
});

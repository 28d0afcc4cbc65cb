import { beforeEach, describe, expect, test } from "vitest";
import { beginSignIn, finishSignIn, returnedFrom, waysIn, type Returned } from "../../src/api/provider";
import type { Problem } from "../../src/api/problem";

// Kept is a Storage of one tab.
class Kept implements Storage {
  private readonly items = new Map<string, string>();
  get length() {
    return this.items.size;
  }
  clear = () => this.items.clear();
  getItem = (name: string) => this.items.get(name) ?? null;
  key = (n: number) => [...this.items.keys()][n] ?? null;
  removeItem = (name: string) => void this.items.delete(name);
  setItem = (name: string, value: string) => void this.items.set(name, value);
}

const now = Date.parse("2026-11-30T10:00:00Z");
const people = { issuer: "https://login.example", client_id: "page", redirect_uri: "https://carrier.example/", authorize: "https://login.example/auth?client_id=page&code_challenge_method=S256" };
const at = { origin: "https://carrier.example", hash: "#/shipments/S-1" };
const answer = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
const idToken = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;
const hashOf = async (text: string) => Buffer.from(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))).toString("base64url");

describe("signing in at a provider", () => {
  let kept: Kept;
  let sent: { code: string; code_verifier: string }[];
  beforeEach(() => {
    kept = new Kept();
    sent = [];
  });

  // begun is an attempt, and what a provider that keeps to the rules makes of it.
  async function begun() {
    const url = new URL(await beginSignIn(people, kept, at));
    const q = (name: string) => url.searchParams.get(name) ?? "";
    const claims = { iss: people.issuer, aud: "page", sub: "1", nonce: q("nonce"), exp: now / 1000 + 60 };
    const back: Returned = { state: q("state"), code: "c0de", error: "", iss: "" };
    return { url, challenge: q("code_challenge"), claims, back };
  }
  const finish = (back: Returned, claims: object, status = 200) =>
    finishSignIn(back, kept, now, async (_, init) => {
      sent.push(JSON.parse(String(init?.body)));
      return answer(status === 200 ? { access_token: "at", id_token: idToken(claims), expires_at: "2026-11-30T11:00:00Z", name: "Mia Bérg", scopes: ["shipments:write"] } : { code: "unauthenticated", detail: "it has ended" }, status);
    });
  const titleOf = (cause: unknown) => (cause as Problem).title;

  test("goes there with state, nonce and challenge, and comes back with a session and to the same place", async () => {
    const { url, challenge, claims, back } = await begun();
    expect(url.origin + url.pathname).toBe("https://login.example/auth");
    expect(url.searchParams.get("client_id")).toBe("page");
    expect(new Set([back.state, claims.nonce, challenge]).size).toBe(3);
    expect(await finish(back, claims)).toEqual({ session: { client: "Mia Bérg", token: "at", expiresAt: now + 3_600_000, scopes: ["shipments:write"] }, hash: at.hash });
    expect(sent).toHaveLength(1);
    expect(sent[0]!.code).toBe("c0de");
    expect(await hashOf(sent[0]!.code_verifier)).toBe(challenge);
    expect(kept.length).toBe(0);
  });

  test("an attempt is good once, and only what this tab began comes to an end", async () => {
    const { claims, back } = await begun();
    await finish(back, claims);
    expect(titleOf(await finish(back, claims).catch((e: unknown) => e))).toBe("This sign-in was not begun in this tab");
    const second = await begun();
    expect(titleOf(await finish({ ...second.back, state: "x" }, second.claims).catch((e: unknown) => e))).toBe("This sign-in was not begun in this tab");
    expect(titleOf(await finish(second.back, second.claims).catch((e: unknown) => e))).toBe("This sign-in was not begun in this tab");
    expect(sent).toHaveLength(1);
  });

  test("another provider's answer is not sent on", async () => {
    const { claims, back } = await begun();
    expect(titleOf(await finish({ ...back, iss: "https://evil.example" }, claims).catch((e: unknown) => e))).toBe("Another provider answered");
    expect(sent).toEqual([]);
  });

  test.each([
    ["another nonce", { nonce: "x" }, "The answer is to another sign-in"],
    ["no nonce", { nonce: undefined }, "The answer is to another sign-in"],
    ["another issuer", { iss: "https://evil.example" }, "The ID token is of another issuer or for another client"],
    ["another client", { aud: "other" }, "The ID token is of another issuer or for another client"],
    ["several clients, given to another", { aud: ["page", "other"], azp: "other" }, "The ID token is for another client"],
    ["ended", { exp: now / 1000 - 120 }, "The ID token has ended; is this computer's clock right?"],
  ])("an ID token with %s", async (_, change, title) => {
    const { claims, back } = await begun();
    expect(titleOf(await finish(back, { ...claims, ...change }).catch((e: unknown) => e))).toBe(title);
  });

  test("tells what was refused", async () => {
    let { claims, back } = await begun();
    expect(titleOf(await finish({ ...back, code: "", error: "access_denied" }, claims).catch((e: unknown) => e))).toBe("The provider did not let you in");
    ({ claims, back } = await begun());
    expect(((await finish(back, claims, 401).catch((e: unknown) => e)) as Problem).detail).toBe("it has ended");
  });

  test("begins at the address that the provider knows", async () => {
    expect(await beginSignIn(people, kept, { ...at, origin: "https://10.0.0.1" })).toBe(people.redirect_uri);
    expect(kept.length).toBe(0);
  });

  test("reads what comes back from the address", async () => {
    expect(returnedFrom("?code=a&state=b&iss=https%3A%2F%2Flogin.example")).toEqual({ state: "b", code: "a", error: "", iss: "https://login.example" });
    expect(returnedFrom("?error=access_denied&state=b")).toEqual({ state: "b", code: "", error: "access_denied", iss: "" });
    expect([returnedFrom(""), returnedFrom("?code=a"), returnedFrom("?state=b")]).toEqual([null, null, null]);
    expect(await waysIn(async () => answer({ clients: true, people: null }))).toEqual({ clients: true, people: null });
  });
});

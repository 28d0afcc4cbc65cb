import { Problem, problemOf, titleOf } from "./problem";
import type { Session } from "./session";
import type { People, Session as Granted, Ways } from "#rest";

// Signing in at an OIDC provider: authorization code with PKCE. The page makes state, nonce and verifier, and keeps them in
// this tab until the provider sends the person back. The provider is reached by navigating and by the API, never by a request of
// the page.

const key = "trackseal.sign-in";

// Attempt is what must come back unchanged.
type Attempt = { state: string; nonce: string; verifier: string; issuer: string; client: string; hash: string };

// Returned is what the provider put into the address.
export type Returned = { state: string; code: string; error: string; iss: string };

export function returnedFrom(search: string): Returned | null {
  const q = new URLSearchParams(search);
  const state = q.get("state");
  if (!state || !(q.get("code") || q.get("error"))) return null;
  return { state, code: q.get("code") ?? "", error: q.get("error") ?? "", iss: q.get("iss") ?? "" };
}

// waysIn asks how one can sign in here. Throws Problem.
export async function waysIn(send = fetch): Promise<Ways> {
  const answer = await reach(() => send("/v1/sign-in", { cache: "no-store", credentials: "omit" }));
  if (!answer.ok) throw problemOf(answer.status, await bodyOf(answer));
  return (await answer.json()) as Ways;
}

// beginSignIn returns where to send the person.
export async function beginSignIn(people: People, storage: Storage, at: { origin: string; hash: string }): Promise<string> {
  if (new URL(people.redirect_uri).origin !== at.origin) return people.redirect_uri; // only there the attempt could be found again
  const attempt: Attempt = { state: secret(), nonce: secret(), verifier: secret(), issuer: people.issuer, client: people.client_id, hash: at.hash };
  const url = new URL(people.authorize);
  url.searchParams.set("state", attempt.state);
  url.searchParams.set("nonce", attempt.nonce);
  url.searchParams.set("code_challenge", base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(attempt.verifier)))));
  storage.setItem(key, JSON.stringify(attempt));
  return url.toString();
}

// finishSignIn makes a session of what came back, and says where the person was. An attempt is good once. Throws Problem.
export async function finishSignIn(back: Returned, storage: Storage, now: number, send = fetch): Promise<{ session: Session; hash: string }> {
  const attempt = taken(storage);
  if (!attempt || back.state !== attempt.state) throw refused("This sign-in was not begun in this tab");
  if (back.iss && back.iss !== attempt.issuer) throw refused("Another provider answered");
  if (back.error) throw refused(back.error === "access_denied" ? "The provider did not let you in" : `The provider refused: ${back.error}`);
  const answer = await reach(() =>
    send("/v1/sign-in/token", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ code: back.code, code_verifier: attempt.verifier }),
      cache: "no-store",
      credentials: "omit",
    }),
  );
  if (!answer.ok) throw problemOf(answer.status, await bodyOf(answer));
  const granted = (await answer.json()) as Granted;
  checkIDToken(granted.id_token, attempt, now);
  const session = { client: granted.name || "a person without a name", token: granted.access_token, expiresAt: Date.parse(granted.expires_at), scopes: granted.scopes };
  return { session, hash: attempt.hash };
}

// checkIDToken: the answer is to this very sign-in. It came from the provider by way of our API, so its signature says no more.
function checkIDToken(token: string, attempt: Attempt, now: number): void {
  let claims: Record<string, unknown>;
  try {
    const payload = atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"));
    claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(payload, (c) => c.charCodeAt(0)))) as Record<string, unknown>;
  } catch {
    throw refused("The provider's ID token cannot be read");
  }
  const audience = ([] as unknown[]).concat(claims.aud);
  if (claims.nonce !== attempt.nonce) throw refused("The answer is to another sign-in");
  if (claims.iss !== attempt.issuer || !audience.includes(attempt.client)) throw refused("The ID token is of another issuer or for another client");
  if (audience.length > 1 && claims.azp !== undefined && claims.azp !== attempt.client) throw refused("The ID token is for another client");
  if (typeof claims.exp !== "number" || claims.exp * 1000 < now - 60_000) throw refused("The ID token has ended; is this computer's clock right?");
}

function taken(storage: Storage): Attempt | null {
  try {
    const attempt = JSON.parse(storage.getItem(key) ?? "null") as Attempt | null;
    storage.removeItem(key);
    return attempt;
  } catch {
    return null;
  }
}

const refused = (why: string) => new Problem(0, "sign_in", why, "Sign in again.");

async function reach(call: () => Promise<Response>): Promise<Response> {
  try {
    return await call();
  } catch {
    throw new Problem(0, "unreachable", titleOf(0), "Check that the API is running.");
  }
}

const bodyOf = (answer: Response): Promise<unknown> => answer.json().catch(() => undefined);

const secret = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

const base64url = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

import { Problem, problemOf, titleOf } from "./problem";
import type { Token } from "#rest";

// Session is who is signed in. It lives in sessionStorage, so it ends with the tab; the secret is never kept.
export type Session = { client: string; token: string; expiresAt: number; scopes: string[] };

const key = "trackseal.session";

export function loadSession(storage: Storage, now: number): Session | null {
  try {
    const session = JSON.parse(storage.getItem(key) ?? "null") as Session | null;
    if (session && typeof session.token === "string" && session.expiresAt > now) return session;
  } catch {
    // Damaged or refused storage means: not signed in.
  }
  return null;
}

export function saveSession(storage: Storage, session: Session | null): void {
  try {
    if (session) storage.setItem(key, JSON.stringify(session));
    else storage.removeItem(key);
  } catch {
    // Without storage the session lasts until reload.
  }
}

// credentialsIn reads "#client=…&secret=…", which `network up` writes to sign-in-links.
export function credentialsIn(hash: string): { client: string; secret: string } | null {
  const members = new URLSearchParams(hash.replace(/^#/, ""));
  const client = members.get("client");
  const secret = members.get("secret");
  return client && secret ? { client, secret } : null;
}

// signIn trades client credentials for a token. Throws Problem.
export async function signIn(client: string, secret: string, now: number, send = fetch): Promise<Session> {
  let answer: Response;
  try {
    answer = await send("/oauth2/token", {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded", Accept: "application/json" },
      body: new URLSearchParams({ grant_type: "client_credentials", client_id: client, client_secret: secret }).toString(),
      cache: "no-store",
      credentials: "omit", // or the browser answers the 401 of a wrong secret with a password dialog of its own, and waits
    });
  } catch {
    throw new Problem(0, "unreachable", titleOf(0), "Check that the API is running.");
  }
  if (answer.status === 400 || answer.status === 401) {
    const problem = problemOf(answer.status, await bodyOf(answer));
    if (answer.status === 401 || problem.code === "invalid_client") {
      throw new Problem(answer.status, "invalid_client", "Client ID or secret is wrong");
    }
    throw problem;
  }
  if (answer.status === 404) {
    throw new Problem(404, "no_issuer", "This server does not issue tokens", "It relies on another issuer. To sign in here, set clients_file.");
  }
  if (!answer.ok) throw problemOf(answer.status, await bodyOf(answer));
  const token = (await answer.json()) as Token;
  return {
    client,
    token: token.access_token,
    expiresAt: now + token.expires_in * 1000,
    scopes: (token.scope ?? "").split(" ").filter(Boolean),
  };
}

const bodyOf = (answer: Response): Promise<unknown> => answer.json().catch(() => undefined);

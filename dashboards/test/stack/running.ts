import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

// A running stack, as `network` made it; "" when there is none to test with.
export const dir = process.env.TRACKSEAL_STACK ?? "";

// stackMissing: without a stack its tests are skipped with one line, or fail when TRACKSEAL_REQUIRE=1.
export function stackMissing(): boolean {
  if (dir) return false;
  const line = "dashboards: TRACKSEAL_STACK is not set, the tests against a real stack are skipped";
  if (process.env.TRACKSEAL_REQUIRE === "1") throw new Error(line);
  console.warn(line);
  return true;
}

export const program = (name: string) => join(dir, "bin", name);

// Member is a client of one organisation: of its page, and of the REST API behind the page.
export class Member {
  private token = "";
  private constructor(
    readonly url: string,
    readonly client: string,
    readonly secret: string,
  ) {}

  // of takes the client that may only read, or the one that may do everything.
  static async of(org: string, who: "viewer" | "admin"): Promise<Member> {
    const stack = JSON.parse(await readFile(join(dir, "stack.json"), "utf8")) as { api: Record<string, { url: string; secrets_file: string }> };
    const api = stack.api[org]!;
    const client = `${org}-${who}`;
    const secrets = JSON.parse(await readFile(api.secrets_file, "utf8")) as Record<string, string>;
    return new Member(api.url, client, secrets[client]!);
  }

  // link signs the page in.
  get link(): string {
    return `${this.url}/#client=${this.client}&secret=${this.secret}`;
  }

  get<T>(path: string): Promise<T> {
    return this.ask(path);
  }

  post<T>(path: string, body: object = {}): Promise<T> {
    return this.ask(path, { method: "POST", body: JSON.stringify(body) });
  }

  private async ask<T>(path: string, write: RequestInit = {}): Promise<T> {
    if (!this.token) {
      const form = new URLSearchParams({ grant_type: "client_credentials", client_id: this.client, client_secret: this.secret });
      this.token = (await answer<{ access_token: string }>(`${this.url}/oauth2/token`, { method: "POST", body: form })).access_token;
    }
    return answer(this.url + path, { ...write, headers: { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" } });
  }
}

async function answer<T>(url: string, request: RequestInit): Promise<T> {
  const got = await fetch(url, request);
  if (!got.ok) throw new Error(`${url} answered ${got.status}: ${await got.text()}`);
  return (await got.json()) as T;
}

// replay sends a recorded trip, one reading a second, over MQTT as tracker T-{shipment}, and waits for its anchor.
export async function replay(csv: string, shipment: string, ...flags: string[]): Promise<void> {
  const args = ["replay", csv, "--stack", dir, "--shipment", shipment, "--tracker", `${shipment}-t`, "--speed", "max", "--no-progress", ...flags];
  await run(program("tracker-sim"), args, { timeout: 150_000 });
}

// trip is a CSV of 30 readings, one a second, from temperatures by number.
export function trip(temperature: (n: number) => number): string {
  const row = (n: number) => `${new Date(Date.UTC(2026, 0, 5, 10, 0, n)).toISOString()},${temperature(n).toFixed(1)},51`;
  return `time,temperature,humidity\n${Array.from({ length: 30 }, (_, n) => row(n)).join("\n")}\n`;
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { createHash } from "node:crypto";
import type { AddressInfo } from "node:net";
import type { Acknowledgement, Alarm, Compliance, DisposeInputBody, Disposition, ListAlarm, ListAnchor, ListHandover, ListMember, ListQuantity, ListReading, ListRejected, ListShipment, ListTrackerHealth, ListTrackerMessage, Network, Problem, Quality, Shipment, Signed, Signer, Token, TrackerHealth, Verification, Ways, Session as Granted } from "#rest";
import * as fixtures from "./fixtures";

// MockApi serves dist and answers like the api of one organisation. Tests switch its behaviour by its fields.
export class MockApi {
  readonly client = "carrier-viewer";
  readonly secret = "open-sesame";
  verification: Verification = fixtures.verified;
  network: Network = fixtures.network;
  shipments = [...fixtures.shipments];
  compliance = structuredClone(fixtures.compliance);
  rejected: NonNullable<ListRejected["items"]> = []; // of trk-0041, as is what was heard of it
  heard: NonNullable<ListTrackerMessage["items"]> = [];
  alarms: Alarm[] = []; // that last
  health: TrackerHealth[] = []; // of the trackers on VAX-2026-0117
  provider = false; // people sign in at it
  private asked: { nonce: string; challenge: string } | null = null; // of it, for the next code
  signer: Signer = fixtures.mia; // who the token was given to
  scope = "shipments:read telemetry:read trackers:read";
  refuse: { status: number; code: string; detail: string; errors?: { field: string; detail: string }[] } | null = null; // the next write
  written: { path: string; key: string; body: Signed | DisposeInputBody }[] = [];
  fail = new Map<string, number>(); // path ending -> status
  delayMs = 0;
  tokenValid = true;
  policy =
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
  evidence: (nonce: string) => Promise<Uint8Array> = () => Promise.reject(new Error("no evidence in this test"));
  evidenceEnds = Infinity; // cut the transfer after so many bytes
  missing = ""; // files with this in their name are not there
  seen: string[] = []; // every request
  foreignHosts: string[] = [];
  private streams = new Set<ServerResponse>();
  private server: Server = createServer((request, response) => void this.handle(request, response));
  url = "";

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.cutStreams();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  emit(event: string, data: unknown): void {
    for (const stream of this.streams) stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  cutStreams(): void {
    for (const stream of this.streams) stream.destroy();
    this.streams.clear();
  }

  get openStreams(): number {
    return this.streams.size;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.url);
    this.seen.push(`${request.method} ${url.pathname}${url.search}`);
    // The api sends this policy; a page that needs more would fail here first.
    response.setHeader("Content-Security-Policy", this.policy);
    response.setHeader("X-Content-Type-Options", "nosniff");
    if (url.pathname === "/v1/sign-in") return json<Ways>(response, { clients: true, people: this.provider ? this.people() : null });
    if (url.pathname === "/provider/auth") return this.authorize(url, response);
    if (url.pathname === "/v1/sign-in/token") return this.exchange(request, response);
    if (url.pathname === "/oauth2/token") return this.token(request, response);
    if (!url.pathname.startsWith("/v1/")) return this.file(url.pathname, response);

    if (!this.tokenValid || request.headers.authorization !== "Bearer token-1") {
      return problem(response, 401, "unauthenticated", "the token is missing or has ended");
    }
    for (const [ending, status] of this.fail) {
      if (url.pathname.endsWith(ending)) {
        const [code, detail] = failures[status] ?? ["internal", "no more is known"];
        return problem(response, status, code, detail);
      }
    }
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    if (url.pathname.endsWith("/evidence")) return this.bundle(url, response);
    if (url.pathname.endsWith("/report")) return this.report(url, response);
    if (request.method === "POST") return this.write(url, request, response);
    this.rest(url, response);
  }

  // The provider is on this host, so that a request of the page to any other one stays a complaint.
  private people() {
    const q = new URLSearchParams({ response_type: "code", client_id: "page", redirect_uri: `${this.url}/`, scope: "openid profile", code_challenge_method: "S256" });
    return { issuer: `${this.url}/provider`, client_id: "page", redirect_uri: `${this.url}/`, authorize: `${this.url}/provider/auth?${q}` };
  }

  // authorize asks nobody: the account is signed in there already.
  private authorize(url: URL, response: ServerResponse): void {
    const q = url.searchParams;
    this.asked = { nonce: q.get("nonce") ?? "", challenge: q.get("code_challenge") ?? "" };
    response.writeHead(302, { Location: `${q.get("redirect_uri")}?${new URLSearchParams({ code: "c0de", state: q.get("state") ?? "", iss: `${this.url}/provider` })}` }).end();
  }

  private async exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const { code, code_verifier } = JSON.parse(text) as { code: string; code_verifier: string };
    const asked = this.asked;
    this.asked = null;
    if (!asked || code !== "c0de" || createHash("sha256").update(code_verifier).digest("base64url") !== asked.challenge) return problem(response, 401, "unauthenticated", "the provider does not take this sign-in");
    const claims = { iss: `${this.url}/provider`, aud: "page", sub: this.signer.subject, nonce: asked.nonce, exp: fixtures.now / 1000 + 3600 };
    const id_token = `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;
    this.tokenValid = true;
    json<Granted>(response, { access_token: "token-1", id_token, expires_at: new Date(fixtures.now + 3_600_000).toISOString(), name: this.signer.name, scopes: this.scope.split(" ") });
  }

  private report(url: URL, response: ServerResponse): void {
    const format = url.searchParams.get("format");
    response.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Disposition": `attachment; filename="${url.pathname.split("/")[3]}.${format}"` });
    response.end(`a report as ${format}`);
  }

  private async write(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const body = JSON.parse(text || "{}") as Signed | DisposeInputBody;
    this.written.push({ path: url.pathname, key: String(request.headers["idempotency-key"]), body });
    if (this.refuse) {
      const { status, code, detail, errors } = this.refuse;
      this.refuse = null;
      return problem(response, status, code, detail, errors);
    }
    const named = this.shipments.find((s) => url.pathname === `/v1/shipments/${s.id}/decline`);
    if (named) {
      this.shipments = this.shipments.filter((s) => s !== named);
      return json(response, named);
    }
    const { meaning, reason } = body as Signed;
    const signature = fixtures.signature(this.signer, meaning, fixtures.now);
    if (url.pathname.endsWith("/acknowledgements")) {
      const excursion = decodeURIComponent(url.pathname.split("/")[5]!);
      const record = this.compliance.recorded.find((r) => r.id === excursion);
      if (!record) return problem(response, 404, "not_found", "there is no such excursion");
      const made: Acknowledgement = { excursion, n: record.acknowledgements.length + 1, reason, of: record.open_tx, details: fixtures.here(reason), signature };
      record.acknowledgements.push(made);
      return json(response, made, 201);
    }
    const { decision, verdict_by = "", verdict_revision } = body as DisposeInputBody;
    const made: Disposition = { ...fixtures.disposition, revision: 2, decision, reason, verdict_by, verdict_revision, result: "non_compliant", details: fixtures.here(reason), signature };
    this.compliance.disposition = made;
    json(response, made, 201);
  }

  private async bundle(url: URL, response: ServerResponse): Promise<void> {
    const raw = await this.evidence(url.searchParams.get("nonce") ?? "");
    response.writeHead(200, { "Content-Type": "application/vnd.trackseal.evidence", "Transfer-Encoding": "chunked", "Cache-Control": "no-store" });
    if (raw.length <= this.evidenceEnds) return void response.end(raw);
    response.write(raw.subarray(0, this.evidenceEnds), () => response.destroy());
  }

  private rest(url: URL, response: ServerResponse): void {
    const parts = url.pathname.split("/").slice(2).map(decodeURIComponent);
    const path = parts.join("/");
    if (path === "quantities") return json<ListQuantity>(response, { items: fixtures.quantities });
    if (path === "members") return json<ListMember>(response, { items: fixtures.members });
    if (path === "network") return json<Network>(response, this.network);
    if (path === "anchors") return json<ListAnchor>(response, { items: fixtures.anchors });
    if (path === "stream" || path.endsWith("/stream")) return this.stream(response);
    if (path === "alarms") {
      const of = url.searchParams.get("shipment");
      return json<ListAlarm>(response, { items: this.alarms.filter((a) => !of || a.shipment === of) });
    }
    if (path === "shipments") {
      const state = url.searchParams.get("state");
      const all = this.shipments.filter((s) => !state || s.state === state);
      const from = Number(url.searchParams.get("cursor") ?? 0);
      const to = from + Number(url.searchParams.get("limit"));
      return json<ListShipment>(response, { items: all.slice(from, to), ...(to < all.length ? { next: String(to) } : {}) });
    }
    if (parts[0] === "trackers" && parts[2] === "quality") {
      if (parts[1] === "trk-0042") return problem(response, 404, "not_found", "there is no tracker trk-0042");
      return json<Quality>(response, fixtures.quality);
    }
    if (parts[0] === "trackers" && parts[1] === "trk-0041" && parts[2] === "rejected") return json<ListRejected>(response, { items: this.rejected });
    if (parts[0] === "trackers" && parts[1] === "trk-0041" && parts[2] === "messages") return json<ListTrackerMessage>(response, { items: this.heard });
    const shipment = this.shipments.find((s) => s.id === parts[1]);
    if (parts[0] !== "shipments" || !shipment) return problem(response, 404, "not_found", "no such shipment");
    const rich = shipment.id === "VAX-2026-0117";
    switch (parts[2]) {
      case undefined:
        return json<Shipment>(response, shipment);
      case "compliance":
        return json<Compliance>(response, rich ? this.compliance : { ...fixtures.compliance, verdict: shipment.verdict === "none" ? "inconclusive" : shipment.verdict, reasons: [], rules: [], excursions: [], legs: [], trackers: [], figures: [], budget: [], recorders: [], recorded: [], revisions: [], disposition: null, metrics: {}, evaluated_to: shipment.last?.time ?? null });
      case "health":
        return json<ListTrackerHealth>(response, { items: rich ? this.health : [] });
      case "handovers":
        return json<ListHandover>(response, { items: rich ? fixtures.handovers : [] });
      case "verification":
        return json<Verification>(response, this.verification);
      case "telemetry": {
        if (!rich) return json<ListReading>(response, { items: [] });
        const from = Date.parse(url.searchParams.get("from")!);
        const to = Date.parse(url.searchParams.get("to")!);
        const every = url.searchParams.get("every");
        const all = every ? fixtures.buckets(from, to, milliseconds(every)) : fixtures.readings(from, to);
        const at = Number(url.searchParams.get("cursor") ?? 0);
        const limit = Number(url.searchParams.get("limit"));
        return json<ListReading>(response, { items: all.slice(at, at + limit), ...(at + limit < all.length ? { next: String(at + limit) } : {}) });
      }
    }
    problem(response, 404, "not_found", "no such route");
  }

  private stream(response: ServerResponse): void {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    response.write(": hello\n\n");
    this.streams.add(response);
    response.on("close", () => this.streams.delete(response));
  }

  private async token(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const form = new URLSearchParams(body);
    if (form.get("client_id") !== this.client || form.get("client_secret") !== this.secret) {
      response.writeHead(401, { "Content-Type": "application/json", "WWW-Authenticate": 'Basic realm="trackseal"' });
      response.end(JSON.stringify({ error: "invalid_client", error_description: "unknown client or wrong secret" }));
      return;
    }
    this.tokenValid = true;
    json<Token>(response, { access_token: "token-1", token_type: "Bearer", expires_in: 3600, scope: this.scope });
  }

  private async file(path: string, response: ServerResponse): Promise<void> {
    const types: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".wasm": "application/wasm" };
    const name = normalize(path === "/" ? "/index.html" : path);
    try {
      if (this.missing && name.includes(this.missing)) throw new Error("not there");
      const body = await readFile(join(import.meta.dirname, "../../dist", name));
      response.writeHead(200, { "Content-Type": types[extname(name)] ?? "application/octet-stream" });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  }
}

const failures: Record<number, [code: string, detail: string]> = {
  403: ["missing_scope", "the token lacks the scope telemetry:read"],
  409: ["bad_state", "the newest entries are not anchored yet; try again after the next anchor"],
  503: ["store_unavailable", "InfluxDB does not answer; try again in a minute"],
};

function json<T>(response: ServerResponse, body: T, status = 200): void {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(body));
}

function problem(response: ServerResponse, status: number, code: string, detail: string, errors?: Problem["errors"]): void {
  response.writeHead(status, { "Content-Type": "application/problem+json" });
  const body: Problem = { type: `urn:trackseal:problem:${code}`, title: "Problem", status, code, detail, ...(errors ? { errors } : {}) };
  response.end(JSON.stringify(body));
}

function milliseconds(every: string): number {
  const size: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000 };
  return Number.parseInt(every, 10) * size[every.at(-1)!]!;
}

import { Problem, problemFrom, titleOf } from "./problem";
import type { Acknowledgement, Bucket, Compliance, Decision, Disposition, Handover, List, Quality, RawReading, Shipment, Signed, Verification } from "./shapes";

export type Query = Record<string, string | number | undefined>;

export type ReportFormat = "pdf" | "xlsx" | "csv";

// Client speaks to the REST API of the organisation that served the page. Every method throws Problem, or the AbortError of
// its own signal.
export class Client {
  constructor(
    private readonly token: string,
    private readonly onSignedOut: () => void,
    private readonly send: typeof fetch = (...args) => fetch(...args),
  ) {}

  async get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
    const answer = await this.ask(path, query, "application/json", signal);
    if (!answer.ok) throw await problemFrom(answer);
    return (await answer.json()) as T;
  }

  // post has one effect, however often it is sent with the same key.
  private async post<T>(path: string, body: unknown, key: string): Promise<T> {
    const answer = await this.ask(path, {}, "application/json", undefined, { body, key });
    if (!answer.ok) throw await problemFrom(answer);
    return (await answer.json()) as T;
  }

  // ask answers as soon as the head of the answer is there, whatever its status.
  private async ask(path: string, query: Query, accept: string, signal?: AbortSignal, write?: { body: unknown; key: string }): Promise<Response> {
    let answer: Response;
    try {
      answer = await this.send(path + encode(query), {
        headers: {
          Authorization: `Bearer ${this.token}`,
          Accept: accept,
          ...(write ? { "Content-Type": "application/json", "Idempotency-Key": write.key } : {}),
        },
        ...(write ? { method: "POST", body: JSON.stringify(write.body) } : {}),
        ...(signal ? { signal } : {}),
      });
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw new Problem(0, "unreachable", titleOf(0), "Trackseal tries again when you press Retry.");
    }
    if (answer.status === 401) this.onSignedOut();
    return answer;
  }

  shipments(state: string, limit: number, cursor: string | undefined, signal?: AbortSignal) {
    return this.get<List<Shipment>>("/v1/shipments", { state: state || undefined, limit, cursor }, signal);
  }

  shipment(id: string, signal?: AbortSignal) {
    return this.get<Shipment>(`/v1/shipments/${encodeURIComponent(id)}`, {}, signal);
  }

  compliance(id: string, signal?: AbortSignal) {
    return this.get<Compliance>(`/v1/shipments/${encodeURIComponent(id)}/compliance`, {}, signal);
  }

  handovers(id: string, signal?: AbortSignal) {
    return this.get<List<Handover>>(`/v1/shipments/${encodeURIComponent(id)}/handovers`, {}, signal);
  }

  verification(id: string, signal?: AbortSignal) {
    return this.get<Verification>(`/v1/shipments/${encodeURIComponent(id)}/verification`, {}, signal);
  }

  quality(tracker: string, window: { from?: string; to?: string }, signal?: AbortSignal) {
    return this.get<Quality>(`/v1/trackers/${encodeURIComponent(tracker)}/quality`, window, signal);
  }

  acknowledge(id: string, excursion: string, signed: Signed, key: string) {
    return this.post<Acknowledgement>(`/v1/shipments/${encodeURIComponent(id)}/excursions/${encodeURIComponent(excursion)}/acknowledgements`, signed, key);
  }

  dispose(id: string, decision: Decision, key: string) {
    return this.post<Disposition>(`/v1/shipments/${encodeURIComponent(id)}/disposition`, decision, key);
  }

  async report(id: string, format: ReportFormat): Promise<{ name: string; blob: Blob }> {
    const answer = await this.ask(`/v1/shipments/${encodeURIComponent(id)}/report`, { format }, "*/*");
    if (!answer.ok) throw await problemFrom(answer);
    const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? `${id}.${format}`;
    try {
      return { name, blob: await answer.blob() };
    } catch {
      throw new Problem(0, "cut_off", "The report was cut off", "The connection ended before all of it was here; try again.");
    }
  }

  // evidence streams the bundle; the caller reads it and looks at its status.
  evidence(id: string, nonce: string, signal?: AbortSignal) {
    const accept = "application/vnd.trackseal.evidence, application/problem+json";
    return this.ask(`/v1/shipments/${encodeURIComponent(id)}/evidence`, { nonce }, accept, signal);
  }

  // telemetry follows the cursor to the end of the window, or to maxItems.
  async telemetry(
    id: string,
    window: { from: string; to: string; every?: string; fields?: string },
    signal?: AbortSignal,
    maxItems = 30_000,
  ): Promise<{ items: (RawReading | Bucket)[]; cut: boolean }> {
    const items: (RawReading | Bucket)[] = [];
    let cursor: string | undefined;
    do {
      const page: List<RawReading | Bucket> = await this.get(
        `/v1/shipments/${encodeURIComponent(id)}/telemetry`,
        { ...window, limit: 5000, cursor },
        signal,
      );
      items.push(...(page.items ?? []));
      cursor = page.next || undefined;
    } while (cursor && items.length < maxItems);
    return { items, cut: cursor !== undefined };
  }
}

function encode(query: Query): string {
  const members = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) members.set(name, String(value));
  const text = members.toString();
  return text ? `?${text}` : "";
}

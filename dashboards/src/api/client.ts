import createClient from "openapi-fetch";
import type { DisposeInputBody, Reading, Shipment, Signed, paths } from "#rest";
import { Problem, problemOf, titleOf } from "./problem";

export type ReportFormat = "pdf" | "xlsx" | "csv";

// Client speaks to the REST API of the organisation that served the page. Every method throws Problem, or the AbortError of
// its own signal.
export class Client {
  private readonly rest;

  constructor(token: string, onSignedOut: () => void, send: (request: Request) => Promise<Response> = fetch, baseUrl = "") {
    this.rest = createClient<paths>({
      baseUrl,
      querySerializer: { array: { style: "form", explode: false } },
      headers: { Authorization: `Bearer ${token}` },
      fetch: async (request) => {
        try {
          const answer = await send(request);
          if (answer.status === 401) onSignedOut();
          return answer;
        } catch (cause) {
          if (request.signal.aborted) throw cause;
          throw new Problem(0, "unreachable", titleOf(0), "Press Retry to try again.");
        }
      },
    });
  }

  shipments(state: Shipment["state"] | undefined, limit: number, cursor: string | undefined, signal?: AbortSignal) {
    return dataOf(this.rest.GET("/v1/shipments", { params: { query: given({ state, limit, cursor }) }, ...given({ signal }) }));
  }

  shipment(id: string, signal?: AbortSignal) {
    return dataOf(this.rest.GET("/v1/shipments/{id}", { params: { path: { id } }, ...given({ signal }) }));
  }

  compliance(id: string, signal?: AbortSignal) {
    return dataOf(this.rest.GET("/v1/shipments/{id}/compliance", { params: { path: { id } }, ...given({ signal }) }));
  }

  handovers(id: string, signal?: AbortSignal) {
    return dataOf(this.rest.GET("/v1/shipments/{id}/handovers", { params: { path: { id } }, ...given({ signal }) }));
  }

  verification(id: string, signal?: AbortSignal) {
    return dataOf(this.rest.GET("/v1/shipments/{id}/verification", { params: { path: { id } }, ...given({ signal }) }));
  }

  quality(tracker: string, window: { from?: string; to?: string }, signal?: AbortSignal) {
    return dataOf(this.rest.GET("/v1/trackers/{id}/quality", { params: { path: { id: tracker }, query: window }, ...given({ signal }) }));
  }

  // health is how the trackers on a shipment are.
  async health(shipment: string, signal?: AbortSignal) {
    return (await dataOf(this.rest.GET("/v1/shipments/{id}/health", { params: { path: { id: shipment } }, ...given({ signal }) }))).items ?? [];
  }

  // alarms that last, of one shipment or of all.
  async alarms(shipment: string | undefined, signal?: AbortSignal) {
    return (await dataOf(this.rest.GET("/v1/alarms", { params: { query: { state: "lasting", ...(shipment ? { shipment } : {}) } }, ...given({ signal }) }))).items ?? [];
  }

  // heard is what was last refused of a tracker, and the last message that was taken.
  async heard(tracker: string, signal?: AbortSignal) {
    const asked = { params: { path: { id: tracker }, query: { limit: 1 } }, ...given({ signal }) };
    const [rejected, messages] = await Promise.all([
      dataOf(this.rest.GET("/v1/trackers/{id}/rejected", asked)),
      dataOf(this.rest.GET("/v1/trackers/{id}/messages", asked)),
    ]);
    return { rejected: rejected.items?.[0], message: messages.items?.[0] };
  }

  quantities(signal?: AbortSignal) {
    return dataOf(this.rest.GET("/v1/quantities", given({ signal })));
  }

  members(signal?: AbortSignal) {
    return dataOf(this.rest.GET("/v1/members", given({ signal })));
  }

  network(signal?: AbortSignal) {
    return dataOf(this.rest.GET("/v1/network", given({ signal })));
  }

  anchors(signal?: AbortSignal) {
    return dataOf(this.rest.GET("/v1/anchors", { params: { query: { limit: 20 } }, ...given({ signal }) }));
  }

  // A write has one effect, however often it is sent with the same key.
  acknowledge(id: string, excursion: string, body: Signed, key: string) {
    const params = { path: { id, excursion }, header: { "Idempotency-Key": key } };
    return dataOf(this.rest.POST("/v1/shipments/{id}/excursions/{excursion}/acknowledgements", { params, body }));
  }

  dispose(id: string, body: DisposeInputBody, key: string) {
    const params = { path: { id }, header: { "Idempotency-Key": key } };
    return dataOf(this.rest.POST("/v1/shipments/{id}/disposition", { params, body }));
  }

  decline(id: string, key: string) {
    return dataOf(this.rest.POST("/v1/shipments/{id}/decline", { params: { path: { id }, header: { "Idempotency-Key": key } } }));
  }

  // tz is the reader's zone, an IANA name.
  async report(id: string, format: ReportFormat, tz: string): Promise<{ name: string; blob: Blob }> {
    try {
      const { data, response } = await answered(this.rest.GET("/v1/shipments/{id}/report", { params: { path: { id }, query: { format, tz } }, parseAs: "blob" }));
      const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? `${id}.${format}`;
      return { name, blob: data };
    } catch (cause) {
      if (cause instanceof Problem) throw cause;
      throw new Problem(0, "cut_off", "The report was cut off", "The connection ended before the whole report arrived. Try again.");
    }
  }

  // evidence streams the bundle.
  evidence(id: string, nonce: string, signal?: AbortSignal) {
    return dataOf(this.rest.GET("/v1/shipments/{id}/evidence", { params: { path: { id }, query: { nonce } }, parseAs: "stream", ...given({ signal }) }));
  }

  // telemetry follows the cursor to the end of the window, or to maxItems.
  async telemetry(
    id: string,
    window: { from: string; to: string; every?: string; fields?: string[] },
    signal?: AbortSignal,
    maxItems = 30_000,
  ): Promise<{ items: Reading[]; cut: boolean }> {
    const items: Reading[] = [];
    let cursor: string | undefined;
    do {
      const query = { ...window, limit: 5000, ...given({ cursor }) };
      const page = await dataOf(this.rest.GET("/v1/shipments/{id}/telemetry", { params: { path: { id }, query }, ...given({ signal }) }));
      items.push(...page.items);
      cursor = page.next || undefined;
    } while (cursor && items.length < maxItems);
    return { items, cut: cursor !== undefined };
  }
}

type Answer<T> = { data?: T; error?: unknown; response: Response };

async function answered<T>(call: Promise<Answer<T>>): Promise<{ data: NonNullable<T>; response: Response }> {
  const { data, error, response } = await call;
  if (!response.ok) throw problemOf(response.status, error);
  if (data === undefined || data === null) throw new Problem(0, "empty", "The server sent an empty answer");
  return { data, response };
}

const dataOf = async <T>(call: Promise<Answer<T>>) => (await answered(call)).data;

// given leaves out what has no value.
function given<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

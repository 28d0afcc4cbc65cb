// Field is one wrong part of a request: "body.reason".
export type Field = { field: string; detail: string };

// Problem is an RFC 9457 answer, or the reason why there was no answer (status 0).
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string = "",
    readonly fields: Field[] = [],
  ) {
    super(detail ? `${title}: ${detail}` : title);
    this.name = "Problem";
  }

  // Worth trying the same request again later.
  get transient(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

// The server's own title is the name of the status; a person needs what it means here.
const byCode: Record<string, string> = {
  store_unavailable: "The telemetry store is unavailable",
  ledger_unavailable: "The ledger is unavailable",
  ingest_unavailable: "Ingest is unavailable",
  missing_scope: "This client does not have access",
  rate_limited: "Too many requests",
  too_many_streams: "Too many live connections",
};

const byStatus: Record<number, string> = {
  0: "The server cannot be reached",
  401: "Sign in again",
  403: "This client does not have access",
  404: "Not found",
  429: "Too many requests",
  503: "A service behind the server is unavailable",
};

export function titleOf(status: number, code = ""): string {
  return byCode[code] ?? byStatus[status] ?? (status >= 500 ? "The server had an error" : `The server refused the request (${status})`);
}

// problemOf reads the body of a refusal. It need not be a problem document: a proxy sends its own page, and the status says
// enough.
export function problemOf(status: number, answer: unknown): Problem {
  const body = (answer !== null && typeof answer === "object" ? answer : {}) as Record<string, unknown>;
  const text = (member: string) => (typeof body[member] === "string" ? (body[member] as string) : "");
  const fields = fieldsOf(body.errors);
  const all = fields.map((f) => (f.field ? `${f.field}: ${f.detail}` : f.detail));
  // OAuth 2 errors (RFC 6749 5.2) have their own member names.
  return new Problem(
    status,
    text("code") || text("error"),
    titleOf(status, text("code")),
    [text("detail") || text("error_description"), ...all].filter(Boolean).join("; "),
    fields,
  );
}

// fieldsOf tells the wrong parts of a request, as the api lists them.
function fieldsOf(errors: unknown): Field[] {
  if (!Array.isArray(errors)) return [];
  return (errors as { field?: unknown; detail?: unknown }[])
    .filter((e) => typeof e?.detail === "string")
    .map((e) => ({ field: typeof e.field === "string" ? e.field : "", detail: String(e.detail) }));
}

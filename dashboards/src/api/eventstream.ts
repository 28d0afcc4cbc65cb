export type StreamEvent = { event: string; data: string; id: string };

// EventStreamParser splits text/event-stream as the HTML standard (9.2.6) says, from chunks cut anywhere.
export class EventStreamParser {
  private rest = "";
  private started = false;
  private event = "";
  private data: string[] = [];
  private id = "";
  retryMs: number | undefined;

  push(chunk: string): StreamEvent[] {
    let text = this.rest + chunk;
    if (!this.started && text.length > 0) {
      this.started = true;
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    }
    const out: StreamEvent[] = [];
    let at = 0;
    for (;;) {
      const end = lineEnd(text, at);
      if (end === null) break;
      this.line(text.slice(at, end.at), out);
      at = end.next;
    }
    this.rest = text.slice(at);
    return out;
  }

  private line(line: string, out: StreamEvent[]): void {
    if (line === "") {
      if (this.data.length > 0) out.push({ event: this.event || "message", data: this.data.join("\n"), id: this.id });
      this.event = "";
      this.data = [];
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return; // comment: the heartbeat
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (field === "event") this.event = value;
    else if (field === "data") this.data.push(value);
    else if (field === "id" && !value.includes("\0")) this.id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
  }
}

function lineEnd(text: string, from: number): { at: number; next: number } | null {
  for (let i = from; i < text.length; i++) {
    const c = text[i];
    if (c === "\n") return { at: i, next: i + 1 };
    if (c === "\r") {
      // The next chunk may begin with the LF of this CR.
      if (i + 1 === text.length) return null;
      return { at: i, next: text[i + 1] === "\n" ? i + 2 : i + 1 };
    }
  }
  return null;
}

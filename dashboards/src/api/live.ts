import { EventStreamParser, type StreamEvent } from "./eventstream";

export type LiveState = "connecting" | "live" | "reconnecting" | "off";

export type LiveOptions = {
  path: string;
  token: string;
  onEvent: (event: StreamEvent) => void;
  onState: (state: LiveState) => void;
  onSignedOut: () => void;
  signal: AbortSignal;
  send?: typeof fetch;
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  random?: () => number;
};

const firstWaitMs = 1_000;
const longestWaitMs = 30_000;
// The server sends a comment every 15 s; silence for longer than two of them means a dead connection.
const silenceMs = 40_000;

// follow keeps one event stream open until the signal aborts. EventSource cannot send Authorization, so this is fetch.
export async function follow(o: LiveOptions): Promise<void> {
  const send = o.send ?? ((...args: Parameters<typeof fetch>) => fetch(...args));
  const wait = o.wait ?? pause;
  const random = o.random ?? Math.random;
  let lastId = "";
  let failures = 0;
  o.onState("connecting");

  while (!o.signal.aborted) {
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    o.signal.addEventListener("abort", stop);
    let watchdog: ReturnType<typeof setTimeout> | undefined;
    const heard = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(stop, silenceMs);
    };
    try {
      heard();
      const answer = await send(o.path, {
        headers: {
          Authorization: `Bearer ${o.token}`,
          Accept: "text/event-stream",
          ...(lastId ? { "Last-Event-ID": lastId } : {}),
        },
        cache: "no-store",
        signal: attempt.signal,
      });
      if (answer.status === 401) {
        o.onSignedOut();
        return;
      }
      if (answer.status === 403 || answer.status === 404) {
        o.onState("off"); // this client will never get it: asking again only makes noise
        return;
      }
      if (!answer.ok || !answer.body) throw new Error(`stream answered ${answer.status}`);
      o.onState("live");
      const parser = new EventStreamParser();
      const text = new TextDecoder();
      const reader = answer.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        failures = 0;
        heard();
        for (const event of parser.push(text.decode(value, { stream: true }))) {
          lastId = event.id || lastId;
          o.onEvent(event);
        }
      }
    } catch {
      // Any break is handled the same way: say so, wait, try again.
    } finally {
      clearTimeout(watchdog);
      o.signal.removeEventListener("abort", stop);
      attempt.abort();
    }
    if (o.signal.aborted) return;
    o.onState("reconnecting");
    const ceiling = Math.min(longestWaitMs, firstWaitMs * 2 ** failures++);
    // Half fixed, half random: many pages do not come back in the same moment.
    await wait(ceiling / 2 + (random() * ceiling) / 2, o.signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}

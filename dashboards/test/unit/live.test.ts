import { expect, test } from "vitest";
import { follow, type LiveState } from "../../src/api/live";

function stream(...chunks: string[]): Response {
  const encoder = new TextEncoder();
  return new Response(
    new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(encoder.encode(chunk));
        controller.close();
      },
    }),
    { status: 200 },
  );
}

test("reconnects with growing waits and goes on from the last id", async () => {
  const stop = new AbortController();
  const states: LiveState[] = [];
  const events: string[] = [];
  const waits: number[] = [];
  const lastIds: (string | undefined)[] = [];
  const answers = [
    () => stream("id: 5\nevent: reading\ndata: 1\n\n"),
    () => new Response(null, { status: 503 }),
    () => {
      throw new TypeError("refused");
    },
    () => stream("data: 2\n\n"),
  ];
  await follow({
    path: "/v1/stream",
    token: "t",
    signal: stop.signal,
    onEvent: (e) => events.push(e.data),
    onState: (s) => states.push(s),
    onSignedOut: () => expect.unreachable(),
    random: () => 1,
    wait: async (ms) => {
      waits.push(ms);
      if (waits.length === 4) stop.abort();
    },
    send: async (_path, init) => {
      const headers = init!.headers as Record<string, string>;
      expect(headers.Authorization).toBe("Bearer t");
      lastIds.push(headers["Last-Event-ID"]);
      return answers.shift()!();
    },
  });
  expect(events).toEqual(["1", "2"]);
  expect(lastIds).toEqual([undefined, "5", "5", "5"]);
  expect(waits).toEqual([1000, 2000, 4000, 1000]);
  expect(states).toEqual(["connecting", "live", "reconnecting", "reconnecting", "reconnecting", "live", "reconnecting"]);
});

for (const [status, state] of [[401, "signed out"], [403, "off"], [404, "off"]] as const) {
  test(`does not ask again after ${status}`, async () => {
    let last = "";
    let asked = 0;
    await follow({
      path: "/v1/stream",
      token: "t",
      signal: new AbortController().signal,
      onEvent: () => expect.unreachable(),
      onState: (s) => (last = s),
      onSignedOut: () => (last = "signed out"),
      send: async () => {
        asked++;
        return new Response(null, { status });
      },
    });
    expect(last).toBe(state);
    expect(asked).toBe(1);
  });
}

import { describe, expect, test } from "vitest";
import { EventStreamParser } from "../../src/api/eventstream";

describe("EventStreamParser", () => {
  const cases: [name: string, text: string, events: [string, string, string][]][] = [
    ["one event", "event: reading\ndata: {}\n\n", [["reading", "{}", ""]]],
    ["no event name", "data: x\n\n", [["message", "x", ""]]],
    ["lines of data are joined", "data: a\ndata: b\n\n", [["message", "a\nb", ""]]],
    ["comments are heartbeats", ": hello\n\n: again\n\n", []],
    ["an event without data is none", "event: reading\n\n", []],
    ["CRLF and CR end lines", "data: a\r\n\r\ndata: b\r\rdata: c\n\n", [["message", "a", ""], ["message", "b", ""], ["message", "c", ""]]],
    ["the id stays", "id: 7\ndata: a\n\ndata: b\n\n", [["message", "a", "7"], ["message", "b", "7"]]],
    ["an id with NUL is ignored", "id: 7\0\ndata: a\n\n", [["message", "a", ""]]],
    ["one space after the colon is dropped, no more", "data:  a\n\ndata:b\n\n", [["message", " a", ""], ["message", "b", ""]]],
    ["a field without colon", "data\n\n", [["message", "", ""]]],
    ["a byte order mark", "\ufeffdata: a\n\n", [["message", "a", ""]]],
    ["an unfinished event waits", "data: a\n", []],
  ];
  for (const [name, text, events] of cases) {
    test(name, () => {
      const whole = new EventStreamParser();
      expect(whole.push(`${text}`).map((e) => [e.event, e.data, e.id])).toEqual(events);
    });
    test(`${name}, byte by byte`, () => {
      const parser = new EventStreamParser();
      const got = [...text].flatMap((c) => parser.push(c));
      expect(got.map((e) => [e.event, e.data, e.id])).toEqual(events);
    });
  }

  test("remembers retry", () => {
    const parser = new EventStreamParser();
    parser.push("retry: 250\nretry: soon\n\n");
    expect(parser.retryMs).toBe(250);
  });
});

import type { Shipment } from "#rest";

const stateWords: Record<Shipment["state"], string> = {
  created: "Created",
  in_transit: "In transit",
  delivered: "Delivered",
  closed: "Closed",
};

export const states = Object.keys(stateWords) as Shipment["state"][];

export function stateWord(state: Shipment["state"]): string {
  return stateWords[state];
}

const verdictWords: Record<Shipment["verdict"], string> = {
  compliant: "Compliant",
  non_compliant: "Not compliant",
  inconclusive: "Inconclusive",
  none: "No verdict yet",
};

export function verdictWord(verdict: string): string {
  return verdictWords[verdict as Shipment["verdict"]] ?? sentence(verdict);
}

// What each check of /verification looks at, in the words of an auditor.
const checkWords: Record<string, [title: string, meaning: string]> = {
  entry: ["Log entries", "every log entry is well formed and in its place"],
  leaf: ["No gaps in the log", "no entry is missing or duplicated"],
  hash: ["Message bytes", "the stored bytes are those that were logged"],
  signature: ["Signatures", "each signature matches the key that the ledger holds for the tracker"],
  fields: ["Stored values", "the values in the database match the messages"],
  sequence: ["Sequence", "no message of a tracker is missing between two others"],
  root: ["Log roots", "the roots recomputed from all entries match the recorded ones"],
  anchor: ["Ledger anchors", "the recorded heads are part of what the ledger accepted"],
  close: ["Closing record", "a closed shipment's logs match its closing record"],
  offline: ["Auditor's check", "what an auditor's program finds of the record: times, messages that went elsewhere, readings left out"],
};

export function checkTitle(check: string): string {
  return checkWords[check]?.[0] ?? sentence(check);
}

export function checkMeaning(check: string): string {
  return checkWords[check]?.[1] ?? "";
}

// plural(1, "message") is "1 message"; thousands are grouped.
export function plural(n: number, word: string, words = `${word}s`): string {
  return `${count(n)} ${n === 1 ? word : words}`;
}

export function count(n: number): string {
  return n.toLocaleString("en-GB").replaceAll(",", "\u202f");
}

// formatBytes: 1234567 is "1.2 MB".
export function formatBytes(n: number): string {
  let at = 0;
  const units = ["bytes", "kB", "MB", "GB"];
  while (n >= 1000 && at < units.length - 1) {
    n /= 1000;
    at++;
  }
  return `${at === 0 ? n : n.toFixed(n < 10 ? 1 : 0)}\u00a0${units[at]}`;
}

export function shortHash(hash: string): string {
  return hash.length > 14 ? `${hash.slice(0, 6)}…${hash.slice(-6)}` : hash;
}

export function sentence(code: string): string {
  const text = code.replaceAll("_", " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

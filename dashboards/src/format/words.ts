import type { ShipmentState, VerdictName } from "../api/shapes";

export const states: ShipmentState[] = ["created", "in_transit", "delivered", "closed"];

const stateWords: Record<string, string> = {
  created: "Created",
  in_transit: "In transit",
  delivered: "Delivered",
  closed: "Closed",
};

export function stateWord(state: string): string {
  return stateWords[state] ?? sentence(state);
}

const verdictWords: Record<VerdictName, string> = {
  compliant: "Compliant",
  non_compliant: "Not compliant",
  inconclusive: "Inconclusive",
  none: "No verdict yet",
};

export function verdictWord(verdict: string): string {
  return verdictWords[verdict as VerdictName] ?? sentence(verdict);
}

// What each check of /verification looks at, in the words of an auditor.
const checkWords: Record<string, [title: string, meaning: string]> = {
  entry: ["Log entries", "every log entry is present and well formed"],
  hash: ["Message bytes", "each stored message has the hash that its log entry names"],
  signature: ["Signatures", "each signed message verifies with the key its tracker had on the ledger"],
  fields: ["Stored values", "the values in the database equal those inside the signed messages"],
  sequence: ["Sequence", "no message is missing between the first and the last of each tracker"],
  leaf: ["Log positions", "every message is at the position that the log gave it"],
  root: ["Log root", "the root recomputed from all entries equals the recorded one"],
  anchor: ["Ledger anchors", "the roots are those that the ledger accepted"],
  peers: ["Peer answers", "the peers of the organisations give the same answer"],
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

export function shortHash(hash: string): string {
  return hash.length > 14 ? `${hash.slice(0, 6)}…${hash.slice(-6)}` : hash;
}

export function sentence(code: string): string {
  const text = code.replaceAll("_", " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

import { Store } from "../store";

// PolicyFile is what the auditor brought. It is never asked of the server: whoever gives the evidence must not also say
// whom to trust.
export type PolicyFile = { name: string; text: string };

const key = "trackseal.evidence.policy";
const largest = 1 << 20;

// policy lives in this tab's memory, so it stays while a person moves between shipments.
export const policy = new Store<PolicyFile | null>(null);

export class NotAPolicy extends Error {}

// readPolicy takes a first look, so that a wrong file is told at once; the verifier itself reads it strictly. Throws
// NotAPolicy.
export async function readPolicy(file: Blob & { name: string }): Promise<PolicyFile> {
  if (file.size > largest) throw new NotAPolicy(`${file.name} is too large for a policy file`);
  const text = await file.text();
  const members = parse(text);
  if (!members) throw new NotAPolicy(`${file.name} is not JSON`);
  if (typeof members.channel !== "string" || typeof members.roots !== "object" || !Array.isArray(members.require)) {
    throw new NotAPolicy(`${file.name} is not a policy file: channel, roots or require is missing`);
  }
  return { name: file.name, text };
}

// summaryOf tells two policies apart at a glance.
export function summaryOf(file: PolicyFile): { channel: string; roots: number; required: string[] } {
  const members = parse(file.text) ?? {};
  return {
    channel: typeof members.channel === "string" ? members.channel : "",
    roots: Object.keys((members.roots as object | undefined) ?? {}).length,
    required: Array.isArray(members.require) ? members.require.map(String) : [],
  };
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

// Only a person's wish puts the policy into the browser's storage. The answer is whether it is there.
export function rememberPolicy(file: PolicyFile | null): boolean {
  try {
    if (file) localStorage.setItem(key, JSON.stringify(file));
    else localStorage.removeItem(key);
    return file !== null;
  } catch {
    return false; // refused storage: it stays in memory
  }
}

export function rememberedPolicy(): PolicyFile | null {
  try {
    const file = JSON.parse(localStorage.getItem(key) ?? "null") as PolicyFile | null;
    if (file && typeof file.name === "string" && typeof file.text === "string") return { name: file.name, text: file.text };
  } catch {
    // Damaged or refused storage: bring the file again.
  }
  return null;
}

import type { Details, Member } from "#rest";
import { Store } from "../store";

// members is the network's directory; a name or MSP id that is not in it stays as it is.
export const members = new Store<Member[]>([]);

// displayName of a member, by the name that the API calls it.
export const displayName = (name: string): string => members.value.find((m) => m.name === name)?.display_name ?? name;

// displayNameOfMSP is for what was read from certificates.
export const displayNameOfMSP = (msp: string): string => members.value.find((m) => m.msp === msp)?.display_name ?? msp;

// elsewhere says where texts are that are not here, "" when they are: they stay off the ledger, and nodes give them to each other.
export const elsewhere = (details: Details | null): string => (details && !details.here ? `Kept by ${displayName(details.by)}'s node, which does not answer` : "");

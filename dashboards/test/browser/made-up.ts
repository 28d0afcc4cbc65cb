import { createHash } from "node:crypto";

// What all fixtures stand on: the browser's clock stands at `now`, hashes are of their names.
export const now = Date.parse("2026-11-22T10:00:00.000Z");
export const minute = 60_000;
export const hour = 60 * minute;
export const iso = (ms: number) => new Date(ms).toISOString();
export const hex = (text: string) => createHash("sha256").update(text).digest("hex");
export const orgs = ["carrier", "shipper", "consignee", "auditor"];

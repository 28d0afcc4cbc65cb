import type { Rejected, TrackerMessage } from "#rest";
import { hex, iso } from "./made-up";

// What the page tells of trk-0041 beside its readings.
export const rejected = (at: number): Rejected => ({ time: iso(at), reason: "malformed", detail: "humidity is not a number", topic: "trackseal/v1/aa/trk-0041/json", count: 3, bytes: 57, hash: hex("refused"), ingest: "carrier.ingest-1" });

export const heard = (at: number, flags: string[]): TrackerMessage => ({ log: hex("log 1"), leaf: 7, tracker: "trk-0041", trust: "unsigned", kind: "", boot: 0, seq: 0, time: iso(at), received_at: iso(at), flags, readings: 1, hash: hex("heard"), status: "logged", shipment: "VAX-2026-0117" });

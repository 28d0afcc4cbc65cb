import { useEffect, useState } from "preact/hooks";
import type { Shipment } from "#rest";
import { states } from "./format/words";

export type Route =
  | { page: "shipments"; state: Shipment["state"] | undefined }
  | { page: "shipment"; id: string }
  | { page: "network" }
  | { page: "unknown"; path: string };

export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?", 2);
  const parts = path.split("/").filter(Boolean);
  if (parts.length === 0) return { page: "shipments", state: undefined };
  if (parts[0] === "shipments" && parts.length === 1) {
    return { page: "shipments", state: states.find((s) => s === new URLSearchParams(query).get("state")) };
  }
  if (parts[0] === "shipments" && parts.length === 2) {
    try {
      return { page: "shipment", id: decodeURIComponent(parts[1]!) };
    } catch {
      return { page: "unknown", path };
    }
  }
  if (parts[0] === "network" && parts.length === 1) return { page: "network" };
  return { page: "unknown", path };
}

export const shipmentsHref = (state?: Shipment["state"]) => (state ? `#/shipments?state=${state}` : "#/shipments");
export const shipmentHref = (id: string) => `#/shipments/${encodeURIComponent(id)}`;
export const networkHref = "#/network";

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return parseRoute(hash);
}

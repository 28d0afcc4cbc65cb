import { useEffect, useState } from "preact/hooks";
import type { Shipment } from "#rest";

// Route is where the address leads: path is one of the given patterns, such as "shipments/:id", or "" for none of them.
export type Route = { path: string; id: string; query: URLSearchParams };

export function parseRoute(hash: string, paths: string[]): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?", 2);
  const parts = path.split("/").filter(Boolean);
  let id = "";
  const found = paths.find((pattern) => {
    const wanted = pattern.split("/");
    return wanted.length === parts.length && wanted.every((want, n) => want === ":id" || want === parts[n]);
  });
  try {
    id = found?.includes(":id") ? decodeURIComponent(parts[found.split("/").indexOf(":id")]!) : "";
  } catch {
    return { path: "", id: "", query: new URLSearchParams() };
  }
  return { path: found ?? "", id, query: new URLSearchParams(query) };
}

export const hrefOf = (path: string) => `#/${path}`;
export const shipmentsHref = (state?: Shipment["state"]) => hrefOf("shipments") + (state ? `?state=${state}` : "");
export const shipmentHref = (id: string) => hrefOf(`shipments/${encodeURIComponent(id)}`);
export const networkHref = hrefOf("network");

export function useHash(): string {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return hash;
}

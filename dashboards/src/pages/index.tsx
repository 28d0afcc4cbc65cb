import type { ComponentChild } from "preact";
import type { Network, Shipment } from "#rest";
import { stateWord, states } from "../format/words";
import { NetworkPage } from "./network";
import { ShipmentPage } from "./shipment";
import { Shipments } from "./shipments";
import type { Resource } from "../resource";
import { parseRoute, shipmentsHref, type Route } from "../route";
import { Empty } from "../ui/states";

// Page is one screen. All that the app knows of it is here.
export type Page = {
  path: string; // behind "#/"; ":id" stands for one part
  nav?: string; // its entry in the header
  title: (route: Route) => string; // of the browser's tab
  view: (route: Route, network: Resource<Network>) => ComponentChild;
};

// An unknown state shows all.
const stateOf = (route: Route): Shipment["state"] | undefined => states.find((s) => s === route.query.get("state"));

// The first page is where the app begins.
export const pages: Page[] = [
  {
    path: "shipments",
    nav: "Shipments",
    title: (route) => {
      const state = stateOf(route);
      return state ? stateWord(state) : "Shipments";
    },
    view: (route) => <Shipments state={stateOf(route)} />,
  },
  { path: "shipments/:id", title: ({ id }) => id, view: ({ id }) => <ShipmentPage id={id} key={id} /> },
  { path: "network", nav: "Network", title: () => "Network", view: (_, network) => <NetworkPage network={network} /> },
];

const nowhere: Page = {
  path: "",
  title: () => "Page not found",
  view: () => (
    <main class="page" id="main" tabIndex={-1}>
      <div class="card">
        <Empty icon="unknown" title="There is no such page">
          <a href={shipmentsHref()}>Go to the shipments</a>
        </Empty>
      </div>
    </main>
  ),
};

export function pageAt(hash: string): { page: Page; route: Route } {
  const begin = pages[0]!;
  const route = parseRoute(hash.replace(/^#?\/?$/, `#/${begin.path}`), pages.map((p) => p.path));
  return { page: pages.find((p) => p.path === route.path) ?? nowhere, route };
}

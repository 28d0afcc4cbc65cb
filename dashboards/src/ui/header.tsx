import { liveState } from "../context";
import { networkHref, shipmentsHref, type Route } from "../route";
import { theme, unit, zone } from "../settings";
import { useStore } from "../store";
import { Icon } from "./icon";
import { Logo } from "./logo";
import { Segments } from "./segments";

export function Header({ client, route, onSignOut }: { client: string; route: Route; onSignOut: () => void }) {
  const inShipments = route.page === "shipments" || route.page === "shipment";
  return (
    <header class="top">
      <a class="home" href={shipmentsHref()} aria-label="Trackseal, all shipments">
        <Logo />
      </a>
      <nav class="tabs" aria-label="Pages">
        <a href={shipmentsHref()} aria-current={inShipments ? (route.page === "shipments" ? "page" : "true") : undefined}>
          Shipments
        </a>
        <a href={networkHref} aria-current={route.page === "network" ? "page" : undefined}>
          Network
        </a>
      </nav>
      <div class="top-end">
        <Live />
        <button type="button" class="button quiet" popovertarget="settings" aria-label={`Settings and account of ${client}`}>
          <Icon name="settings" />
          <span class="wide-only">{client}</span>
        </button>
      </div>
      <Settings client={client} onSignOut={onSignOut} />
    </header>
  );
}

const liveWords = { live: "Live", connecting: "Connecting", reconnecting: "Reconnecting", off: "Not live" } as const;

function Live() {
  const state = useStore(liveState);
  return (
    <span class={`live ${state}`} role="status" title={state === "live" ? "New readings appear by themselves" : "Readings on screen may be old"}>
      <Icon name={state === "live" ? "live" : state === "off" ? "none" : "clock"} />
      {liveWords[state]}
    </span>
  );
}

function Settings({ client, onSignOut }: { client: string; onSignOut: () => void }) {
  const t = useStore(theme);
  const u = useStore(unit);
  const z = useStore(zone);
  return (
    <div id="settings" popover="auto" class="menu">
      <p class="menu-title">
        <span class="muted">Signed in as</span> {client}
      </p>
      <div class="menu-row">
        <span>Temperature</span>
        <Segments
          label="Temperature unit"
          value={u}
          options={[
            { value: "C", label: "°C", title: "Celsius" },
            { value: "F", label: "°F", title: "Fahrenheit" },
          ]}
          onChange={(v) => unit.set(v)}
        />
      </div>
      <div class="menu-row">
        <span>Times</span>
        <Segments
          label="Time zone"
          value={z}
          options={[
            { value: "local", label: "Local", title: Intl.DateTimeFormat().resolvedOptions().timeZone },
            { value: "utc", label: "UTC" },
          ]}
          onChange={(v) => zone.set(v)}
        />
      </div>
      <div class="menu-row">
        <span>Theme</span>
        <Segments
          label="Theme"
          value={t}
          options={[
            { value: "system", label: "System" },
            { value: "light", label: "Light" },
            { value: "dark", label: "Dark" },
          ]}
          onChange={(v) => theme.set(v)}
        />
      </div>
      <button type="button" class="button block" onClick={onSignOut}>
        Sign out
      </button>
    </div>
  );
}

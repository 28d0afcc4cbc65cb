import { liveState } from "../context";
import { pages } from "../pages";
import { hrefOf, shipmentsHref } from "../route";
import { theme, unit, zone } from "../settings";
import { useStore } from "../store";
import { Icon } from "./icon";
import { Logo } from "./logo";
import { Segments } from "./segments";

export function Header({ client, path, onSignOut }: { client: string; path: string; onSignOut: () => void }) {
  const current = (page: string) => (path === page ? "page" : path.startsWith(`${page}/`) ? "true" : undefined);
  return (
    <header class="top">
      <a class="home" href={shipmentsHref()} aria-label="Trackseal, all shipments">
        <Logo />
      </a>
      <nav class="tabs" aria-label="Pages">
        {pages.map(({ path: page, nav }) =>
          nav ? (
            <a key={page} href={hrefOf(page)} aria-current={current(page)}>
              {nav}
            </a>
          ) : null,
        )}
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
    <span class={`live ${state}`} role="status" title={state === "live" ? "New readings appear automatically" : "The readings on screen may be out of date"}>
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

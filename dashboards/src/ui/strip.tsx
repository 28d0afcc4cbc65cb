import type { Network } from "#rest";
import { healthOf } from "../api/network";
import { count } from "../format/words";
import type { Resource } from "../resource";
import { networkHref } from "../route";
import { Icon } from "./icon";
import { Ago } from "./time";

// Strip is the health of the network in one line, on every page.
export function Strip({ network }: { network: Resource<Network> }) {
  if (!network.data) {
    if (network.problem?.status === 403) return null; // this client may not see the network
    return (
      <div class="strip" role="status">
        {network.problem ? (
          <span class="mark warn">
            <Icon name="warn" /> Network health unknown: {network.problem.title.toLowerCase()}
          </span>
        ) : (
          <span class="muted">Checking the network…</span>
        )}
      </div>
    );
  }
  const h = healthOf(network.data);
  return (
    <nav class="strip" aria-label="Network health">
      <a href={networkHref}>
        {network.problem ? (
          <span class="mark warn">
            <Icon name="warn" /> Network health unknown: {network.problem.title.toLowerCase()}
          </span>
        ) : h.trouble.length > 0 ? (
          <span class="mark warn">
            <Icon name="warn" /> {h.trouble.length === 1 ? h.trouble[0] : `${h.trouble.length} problems in the network`}
          </span>
        ) : (
          <span class="mark good">
            <Icon name="ok" /> Network healthy
          </span>
        )}
        <span>
          <span class="muted">Block</span> {count(Math.max(0, h.height - 1))}
        </span>
        <span>
          <span class="muted">Peers</span> {h.peersUp}/{h.peers}
        </span>
        <span>
          <span class="muted">Orderers</span> {h.orderersUp}/{h.orderers}
        </span>
        <span class="wide-only">
          <span class="muted">Waiting for an anchor</span> {h.lag === null ? "unknown" : count(h.lag)}
        </span>
        {h.anchoredAt !== null && (
          <span>
            <span class="muted">Anchored</span> <Ago at={h.anchoredAt} />
          </span>
        )}
      </a>
    </nav>
  );
}

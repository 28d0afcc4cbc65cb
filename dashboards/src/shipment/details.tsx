import type { Compliance, Shipment } from "#rest";
import { plotted } from "../chart/plotted";
import { releaseText } from "../format/judged";
import { displayName } from "../format/member";
import { convert, formatNumber, labelOf, unitOf } from "../format/quantity";
import { count, sentence } from "../format/words";
import { unit } from "../settings";
import { useStore } from "../store";
import { Hash } from "../ui/hash";
import { CannotBeAsked } from "../ui/marks";
import { Ago, Time } from "../ui/time";

const roles = ["shipper", "carrier", "consignee", "auditor"];

export function Details({ shipment, compliance }: { shipment: Shipment; compliance: Compliance | undefined }) {
  const u = useStore(unit);
  const rank = (role: string) => (roles.includes(role) ? roles.indexOf(role) : roles.length);
  const parties = Object.entries(shipment.parties ?? {}).sort(([a], [b]) => rank(a) - rank(b));
  const last = shipment.last;
  return (
    <section class="card" aria-labelledby="details-title">
      <h2 id="details-title" class="hidden">Details</h2>
      {last && (
        <div class="last">
          <p class="muted">
            Last reading <Ago at={last.time} />
          </p>
          <div class="last-values">
            {plotted(shipment, compliance).first.map((metric) => (
              <p key={metric}>
                <span class="muted">{labelOf(metric)}</span>
                <span class="big">
                  {formatNumber(metric, convert(metric, last.values[metric]!, u))}
                  <small> {unitOf(metric, u)}</small>
                </span>
              </p>
            ))}
          </div>
        </div>
      )}
      <dl class="facts">
        {parties.map(([role, members]) => (
          <div key={role}>
            <dt>{sentence(role)}</dt>
            {members.map((name) => (
              <dd key={name}>
                {displayName(name)}
                {name === shipment.custodian && <span class="tag">has custody</span>}
              </dd>
            ))}
          </div>
        ))}
        <div>
          <dt>Created</dt>
          <dd>
            <Time at={shipment.created_at} />
          </dd>
        </div>
        {shipment.release && (
          <div>
            <dt>Release</dt>
            <dd>{releaseText(shipment.release.confirmed_by)}</dd>
          </div>
        )}
        {shipment.deliver_by && (
          <div>
            <dt>To be delivered by</dt>
            <dd>
              <Time at={shipment.deliver_by} />
            </dd>
          </div>
        )}
        {shipment.delivered_at && (
          <div>
            <dt>Delivered</dt>
            <dd>
              <Time at={shipment.delivered_at} />
            </dd>
          </div>
        )}
        {shipment.closed_at && (
          <div>
            <dt>Closed</dt>
            <dd>
              <Time at={shipment.closed_at} />
            </dd>
          </div>
        )}
        <div>
          <dt>Messages</dt>
          <dd>{shipment.unknown?.includes("messages") ? <CannotBeAsked /> : count(shipment.messages)}</dd>
        </div>
        {shipment.tx && (
          <div>
            <dt>Transaction</dt>
            <dd>
              <Hash value={shipment.tx} what="transaction id" />
            </dd>
          </div>
        )}
      </dl>
    </section>
  );
}

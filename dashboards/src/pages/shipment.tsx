import { useState } from "preact/hooks";
import { useLive, useSigned } from "../context";
import { elsewhere } from "../format/member";
import { useResource, useThrottled } from "../resource";
import { shipmentsHref } from "../route";
import { Custody } from "../shipment/custody";
import { Details } from "../shipment/details";
import { DispositionCard } from "../shipment/disposition";
import { Evidence } from "../shipment/evidence";
import { Excursions } from "../shipment/excursions";
import { Figures } from "../shipment/figures";
import { Alarms, TrackersNow } from "../shipment/health";
import { Legs } from "../shipment/legs";
import { Named } from "../shipment/named";
import { Readings } from "../shipment/readings";
import { Report } from "../shipment/report";
import { Rules } from "../shipment/rules";
import { Trackers } from "../shipment/trackers";
import { Verdict } from "../shipment/verdict";
import { Verify } from "../shipment/verification";
import { Icon } from "../ui/icon";
import { StateMark } from "../ui/marks";
import { Empty, Loading, Trouble } from "../ui/states";

export function ShipmentPage({ id }: { id: string }) {
  const { api } = useSigned();
  const shipment = useResource(`shipment ${id}`, (signal) => api.shipment(id, signal));
  const compliance = useResource(`compliance ${id}`, (signal) => api.compliance(id, signal));
  const [pulse, setPulse] = useState(0); // counts the moments at which there may be new readings

  const [alarmed, setAlarmed] = useState(0); // counts the moments at which alarms may have changed

  const refreshShipment = useThrottled(shipment.reload, 3_000);
  const refreshVerdict = useThrottled(compliance.reload, 3_000);
  useLive(`/v1/shipments/${encodeURIComponent(id)}/stream`, (event) => {
    if (event.event === "reading" || event.event === "resumed") setPulse((n) => n + 1);
    if (event.event === "joined" && shipment.data?.state === "closed") return; // nothing can have changed
    if (event.event === "alarm" || event.event === "resumed") setAlarmed((n) => n + 1);
    if (event.event !== "anchor" && event.event !== "alarm") {
      refreshShipment();
      refreshVerdict();
    }
  });

  const s = shipment.data;
  if (!s) {
    return (
      <main class="page" id="main" tabIndex={-1}>
        <Back />
        {shipment.problem?.status === 404 ? (
          <div class="card">
            <Empty icon="unknown" title={`There is no shipment ${id} here`}>
              It does not exist, or your organisation is not a party to it.
            </Empty>
          </div>
        ) : shipment.problem ? (
          <Trouble problem={shipment.problem} retry={shipment.reload} />
        ) : (
          <div class="card">
            <Loading label="Loading the shipment" rows={6} />
          </div>
        )}
      </main>
    );
  }
  return (
    <main class="page" id="main" tabIndex={-1}>
      <Back />
      <div class="page-head shipment-head">
        <div>
          <h1>{s.id}</h1>
          <p class="subtitle">
            <StateMark state={s.state} />
            {s.origin && s.destination && (
              <span class="route">
                {s.origin} <Icon name="arrow" size={14} /> {s.destination}
              </span>
            )}
            {(s.description || elsewhere(s.details)) && <span class="muted">{s.description || elsewhere(s.details)}</span>}
          </p>
        </div>
        <Report id={s.id} key={`report ${s.id}`} />
      </div>
      {shipment.problem && <Trouble problem={shipment.problem} retry={shipment.reload} stale />}
      <Alarms shipment={s.id} pulse={alarmed} />
      <Named shipment={s} onDeclined={() => (location.hash = shipmentsHref())} key={`named ${s.id}`} />
      <div class="grid">
        <Verdict shipment={s} compliance={compliance} />
        <Details shipment={s} compliance={compliance.data} />
      </div>
      <Readings shipment={s} compliance={compliance.data} pulse={pulse} key={s.id} />
      <Rules compliance={compliance.data} />
      <Excursions shipment={s.id} compliance={compliance.data} failed={compliance.problem !== undefined} onSigned={compliance.reload} />
      <Figures compliance={compliance.data} />
      <Legs compliance={compliance.data} />
      <div class="grid">
        <Custody shipment={s} revision={`${s.state} ${s.custodian} ${s.pending_handover?.n ?? ""}`} />
        <DispositionCard shipment={s.id} needed={s.release?.confirmed_by ?? 0} compliance={compliance.data} onSigned={compliance.reload} />
      </div>
      <TrackersNow shipment={s} pulse={alarmed} />
      <Trackers shipment={s} compliance={compliance.data} />
      <Verify shipment={s} key={`verify ${s.id}`} />
      <Evidence shipment={s} key={`evidence ${s.id}`} />
    </main>
  );
}

function Back() {
  return (
    <a class="back" href={shipmentsHref()}>
      <Icon name="back" size={14} /> Shipments
    </a>
  );
}

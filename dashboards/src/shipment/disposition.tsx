import { useRef, useState } from "preact/hooks";
import type { Compliance } from "#rest";
import { useSigned } from "../context";
import { decisionWord, meaningWord, signer } from "../format/judged";
import { elsewhere } from "../format/member";
import { verdictWord } from "../format/words";
import { Hash } from "../ui/hash";
import type { IconName } from "../ui/icon";
import { Mark, type Tone } from "../ui/marks";
import { Segments } from "../ui/segments";
import { Empty } from "../ui/states";
import { Time } from "../ui/time";
import { SignForm } from "./signform";

const marks: Record<string, [IconName, Tone]> = { release: ["ok", "good"], reject: ["bad", "bad"], quarantine: ["warn", "warn"] };

type Choice = "release" | "reject" | "quarantine";

// DispositionCard says what becomes of the goods, who decided it, and on which verdict it rests.
export function DispositionCard({ shipment, compliance, onSigned }: { shipment: string; compliance: Compliance | undefined; onSigned: () => void }) {
  const { api, scopes } = useSigned();
  const [seen, setSeen] = useState<number | null>(null); // the verdict that was on screen when the form was opened
  const [choice, setChoice] = useState<Choice>("quarantine");
  const [done, setDone] = useState("");
  const opener = useRef<HTMLButtonElement>(null);
  if (!compliance) return null;
  const d = compliance.disposition;
  const newest = compliance.revisions?.at(-1);
  const mayDecide = scopes.includes("shipments:write");
  const close = () => {
    setSeen(null);
    setTimeout(() => opener.current?.focus()); // it is drawn again first
  };
  const [icon, tone] = marks[d?.decision ?? ""] ?? ["none", "calm"];
  return (
    <section class="card" aria-labelledby="disposition-title">
      <div class="card-head">
        <h2 id="disposition-title">Decision on the goods</h2>
      </div>
      {d ? (
        <div class="disposition">
          <p class="disposition-word">
            <Mark icon={icon} tone={tone} word={decisionWord(d.decision)} />
          </p>
          <p>{d.reason || elsewhere(d.details)}</p>
          <p class="muted small">
            {meaningWord(d.signature.meaning)}: {signer(d.signature)}, <Time at={d.signature.signed_at} />
            {d.signature.tx && (
              <>
                {" "}
                <Hash value={d.signature.tx} what="transaction id" />
              </>
            )}
          </p>
          <p class="muted small">
            {d.verdict_revision > 0 ? `Based on verdict revision ${d.verdict_revision}${d.result ? ` (${verdictWord(d.result).toLowerCase()})` : ""}` : "Made before there was a verdict"}
          </p>
          {newest && newest.revision > d.verdict_revision && (
            <Mark icon="warn" tone="warn" word={`Revision ${newest.revision} is newer`} />
          )}
        </div>
      ) : (
        <Empty icon="clock" title="No decision yet">
          {newest ? `The newest verdict on the ledger is revision ${newest.revision}.` : "There is no verdict on the ledger yet."}
        </Empty>
      )}
      <p class="hidden" role="status">
        {done}
      </p>
      {mayDecide &&
        (seen === null ? (
          <p class="disposition-go">
            <button type="button" class="button small" ref={opener} onClick={() => setSeen(newest?.revision ?? 0)}>
              {d ? "Decide again" : "Decide"}
            </button>
          </p>
        ) : (
          <SignForm
            id="disposition"
            label="Decide on the goods"
            action={`Sign: ${choice}`}
            subject={`${choice} ${seen}`}
            onCancel={close}
            onSign={async (signed, key) => {
              const made = await api.dispose(shipment, { ...signed, decision: choice, verdict_revision: seen }, key);
              setDone(`${decisionWord(made.decision)}, signed by ${signer(made.signature)}`);
              close();
              onSigned();
            }}
          >
            <Segments
              label="Decision"
              value={choice}
              options={[
                { value: "release", label: "Release" },
                { value: "reject", label: "Reject" },
                { value: "quarantine", label: "Quarantine" },
              ]}
              onChange={setChoice}
            />
            <p class="muted small">{seen > 0 ? `Based on verdict revision ${seen}.` : "Not based on a verdict: there is none on the ledger yet."}</p>
          </SignForm>
        ))}
    </section>
  );
}

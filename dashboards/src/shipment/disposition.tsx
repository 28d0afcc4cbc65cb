import { useRef, useState } from "preact/hooks";
import type { Compliance, Revision } from "#rest";
import { useSigned } from "../context";
import { decisionWord, meaningWord, newestOf, releaseText, signer } from "../format/judged";
import { displayName } from "../format/member";
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

const none = { by: "", revision: 0 }; // a decision that rests on no verdict

// DispositionCard says what becomes of the goods, who decided it, and on whose verdict it rests.
export function DispositionCard({ shipment, needed, compliance, onSigned }: { shipment: string; needed: number; compliance: Compliance | undefined; onSigned: () => void }) {
  const { api, scopes } = useSigned();
  const [seen, setSeen] = useState<Pick<Revision, "by" | "revision">[] | null>(null); // the verdicts that were on screen when the form was opened
  const [restsOn, setRestsOn] = useState(""); // whose
  const [choice, setChoice] = useState<Choice>("quarantine");
  const [done, setDone] = useState("");
  const opener = useRef<HTMLButtonElement>(null);
  if (!compliance) return null;
  const d = compliance.disposition;
  const newest = newestOf(compliance.revisions);
  const newer = newest.find((r) => r.by === d?.verdict_by && r.revision > d.verdict_revision);
  const chosen = seen?.find((r) => r.by === restsOn) ?? none;
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
            {d.verdict_by ? `Based on the verdict of ${displayName(d.verdict_by)}, revision ${d.verdict_revision} (${verdictWord(d.result).toLowerCase()})` : "Made before there was a verdict"}
          </p>
          {newer && <Mark icon="warn" tone="warn" word={`Revision ${newer.revision} is newer`} />}
        </div>
      ) : (
        <Empty icon="clock" title="No decision yet">
          {newest.length > 0 ? "There is a verdict on the ledger." : "There is no verdict on the ledger yet."}
        </Empty>
      )}
      <p class="hidden" role="status">
        {done}
      </p>
      {mayDecide &&
        (seen === null ? (
          <p class="disposition-go">
            <button
              type="button"
              class="button small"
              ref={opener}
              onClick={() => {
                setSeen(newest);
                setRestsOn(newest[0]?.by ?? "");
              }}
            >
              {d ? "Decide again" : "Decide"}
            </button>
          </p>
        ) : (
          <SignForm
            id="disposition"
            label="Decide on the goods"
            action={`Sign: ${choice}`}
            subject={`${choice} ${chosen.by} ${chosen.revision}`}
            onCancel={close}
            onSign={async (signed, key) => {
              const made = await api.dispose(shipment, { ...signed, decision: choice, verdict_revision: chosen.revision, ...(chosen.by ? { verdict_by: chosen.by } : {}) }, key);
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
            {needed > 0 && choice === "release" && <p class="muted small">{`${releaseText(needed)}, from the same logs.`}</p>}
            {seen.length > 1 && (
              <Segments label="Based on the verdict of" value={restsOn} options={seen.map((r) => ({ value: r.by, label: displayName(r.by) }))} onChange={setRestsOn} />
            )}
            <p class="muted small">{chosen.by ? `Based on the verdict of ${displayName(chosen.by)}, revision ${chosen.revision}.` : "Not based on a verdict: there is none on the ledger yet."}</p>
          </SignForm>
        ))}
    </section>
  );
}

import { useEffect, useState } from "preact/hooks";
import { commandOf } from "../evidence/nonce";
import { confirmedBy, meaning, outcomeOf, questions, worstFirst, type EvidenceFinding, type Question, type Report, type Status } from "../evidence/report";
import type { Bundle, Run } from "../evidence/run";
import { displayNameOfMSP } from "../format/member";
import { count, formatBytes, plural, sentence } from "../format/words";
import { Command } from "../ui/command";
import { Hash } from "../ui/hash";
import { Icon, type IconName } from "../ui/icon";
import { Mark, type Tone } from "../ui/marks";

const looks: Record<Status | "warn", [IconName, Tone]> = {
  pass: ["ok", "good"],
  fail: ["bad", "bad"],
  unknown: ["unknown", "unsure"],
  warn: ["warn", "warn"],
};

// Result shows the five answers, each for itself, and everything that was found. What passed is said only of the shipment
// that was asked for.
export function Result({ run, wanted }: { run: Extract<Run, { state: "done" }>; wanted: string }) {
  const { report, bundle, policy } = run;
  const outcome = outcomeOf(report, wanted);
  const { facts } = report;
  return (
    <div class="outcome evidence-result">
      <div class={`banner ${outcome.tone === "good" ? "calm" : outcome.tone === "bad" ? "bad" : "unsure"}`}>
        <span class={outcome.tone}>
          <Icon name={outcome.tone === "good" ? "seal" : outcome.tone === "bad" ? "bad" : "unknown"} size={20} />
        </span>
        <div>
          <p class="banner-title">{outcome.title}</p>
          <p class="muted">
            {outcome.other
              ? "The results below are for that bundle and say nothing about this shipment."
              : `Your policy requires ${report.required.join(", ")}.`}
          </p>
        </div>
      </div>
      <ul class="five" aria-label="Verdicts">
        {questions.map((q) => (
          <VerdictTile key={q} question={q} report={report} />
        ))}
      </ul>
      <h3>Findings</h3>
      {report.findings.length === 0 ? (
        <p class="muted">None.</p>
      ) : (
        <ul class="evidence-findings">
          {worstFirst(report.findings).map((finding, n) => (
            <FindingRow key={n} finding={finding} />
          ))}
        </ul>
      )}
      <dl class="facts inline">
        <Fact name="Messages">
          {count(facts.messages)}
          {facts.withheld > 0 && <span class="muted"> · readings of {count(facts.withheld)} withheld</span>}
        </Fact>
        <Fact name="Trackers">{facts.trackers.map((t) => t.id).join(", ") || "none"}</Fact>
        <Fact name="Anchors">{facts.anchors.length > 0 ? `${count(facts.anchors.length)}, newest in block ${count(Math.max(...facts.anchors.map((a) => a.block)))}` : "none"}</Fact>
        <Fact name="Signed answers from">{facts.attested.map(displayNameOfMSP).join(", ") || "none"}</Fact>
        {report.confirmed && <Fact name="Confirmed by">{confirmedBy(report, displayNameOfMSP)}</Fact>}
        <Fact name="Bundle">{report.bundle ? <Hash value={report.bundle} what="bundle's SHA-256" /> : "not read to the end"}</Fact>
        <Fact name="Policy"><Hash value={report.policy} what="policy's SHA-256" /></Fact>
        <Fact name="Nonce">{bundle.nonce ? <Hash value={bundle.nonce} what="nonce" /> : "none"}</Fact>
      </dl>
      <Keep bundle={bundle} policyName={policy.name} report={report} />
    </div>
  );
}

function VerdictTile({ question, report }: { question: Question; report: Report }) {
  const status = report.verdicts[question];
  const [icon, tone] = looks[status];
  const asked = report.required.includes(question);
  return (
    <li class={`five-${status}`}>
      <p class="five-name">
        {sentence(question)} {!asked && <span class="muted">not required</span>}
      </p>
      <p class="five-status">
        <Mark icon={icon} tone={tone} word={sentence(status)} />
      </p>
      <p class="muted">{meaning[question]}</p>
    </li>
  );
}

function FindingRow({ finding }: { finding: EvidenceFinding }) {
  const [icon, tone] = looks[finding.severity] ?? looks.unknown;
  return (
    <li>
      <p class="finding-head">
        <Mark icon={icon} tone={tone} word={finding.severity === "warn" ? "Note" : sentence(finding.severity)} />
        <code>{finding.code}</code>
        <span class="muted">
          {finding.verdict && `${finding.verdict}, `}
          {finding.where}
        </span>
      </p>
      <dl>
        <div>
          <dt>Expected</dt>
          <dd>{finding.expected}</dd>
        </div>
        <div>
          <dt>Found</dt>
          <dd>
            {finding.found}
            {!!finding.more && <span class="muted"> and {count(finding.more)} more with this code</span>}
          </dd>
        </div>
      </dl>
    </li>
  );
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

// Keep gives the person the very bytes that were verified, and the line that checks them without this page.
export function Keep({ bundle, policyName, report }: { bundle: Bundle; policyName: string; report?: Report }) {
  const file = useObjectURL(bundle.blob);
  return (
    <div class="keep">
      <h3>Check it again without this page</h3>
      <p class="keep-files">
        {bundle.fetched && (
          <a class="button small" href={file} download={bundle.name}>
            <Icon name="download" size={14} /> Save {bundle.name} <span class="muted">{formatBytes(bundle.blob.size)}</span>
          </a>
        )}
        {report && <ReportLink report={report} name={bundle.name} />}
      </p>
      <Command line={commandOf(bundle.name, policyName, bundle.nonce, report?.kind)} label="Command that checks the bundle offline" />
      {bundle.fetched && <p class="note muted">{plural(bundle.blob.size, "byte")}, exactly as {report ? "verified above" : "received"}. Run the command in a checkout of Trackseal.</p>}
    </div>
  );
}

function ReportLink({ report, name }: { report: Report; name: string }) {
  const [blob] = useState(() => new Blob([JSON.stringify(report, null, 2)], { type: "application/json" }));
  const href = useObjectURL(blob);
  return (
    <a class="button small" href={href} download={name.replace(/(\.tsb)?$/, ".report.json")}>
      <Icon name="file" size={14} /> Save the report
    </a>
  );
}

function useObjectURL(blob: Blob): string {
  const [url, setUrl] = useState("");
  useEffect(() => {
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return url;
}

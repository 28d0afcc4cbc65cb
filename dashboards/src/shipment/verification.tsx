import { useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "../api/problem";
import type { Check, Finding, Shipment, Verification, LogReport } from "#rest";
import { useSigned } from "../context";
import { displayName } from "../format/member";
import { checkMeaning, checkTitle, count, plural } from "../format/words";
import { Hash } from "../ui/hash";
import { Icon } from "../ui/icon";
import { Mark, OkMark } from "../ui/marks";
import { Empty, Trouble } from "../ui/states";
import { Time } from "../ui/time";

type Run = { state: "idle" } | { state: "running" } | { state: "failed"; problem: Problem } | { state: "done"; result: Verification };

// Verify asks the server to rebuild the logs from what is stored and to compare them with the ledger. It never sums up
// to one green badge: each check speaks for itself, and what is not anchored yet is said.
export function Verify({ shipment }: { shipment: Shipment }) {
  const { api } = useSigned();
  const [run, setRun] = useState<Run>({ state: "idle" });
  const running = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => running.current?.abort(), []);

  const check = async () => {
    running.current?.abort();
    const stop = new AbortController();
    running.current = stop;
    setRun({ state: "running" });
    try {
      const result = await api.verification(shipment.id, stop.signal);
      if (!stop.signal.aborted) setRun({ state: "done", result });
    } catch (cause) {
      if (stop.signal.aborted) return;
      setRun({ state: "failed", problem: cause instanceof Problem ? cause : new Problem(0, "failed", "The server's answer could not be read") });
    }
  };

  return (
    <section class="card" aria-labelledby="verify-title">
      <div class="card-head">
        <h2 id="verify-title">Verification</h2>
        <div class="tools">
          <button type="button" class="button primary" onClick={check} disabled={run.state === "running"}>
            <Icon name="seal" />
            {run.state === "running" ? "Checking…" : run.state === "done" ? "Check again" : "Check against the ledger"}
          </button>
        </div>
      </div>
      <div aria-live="polite">
        {run.state === "idle" && (
          <Empty icon="seal" title="Not checked on this page yet">
            The check rebuilds every log from the stored messages, verifies each signature, and compares the result with what the
            ledger's peers say.
          </Empty>
        )}
        {run.state === "running" && (
          <div class="empty" role="status">
            <span class="spinner" />
            <p class="empty-title">Checking {plural(shipment.messages ?? 0, "message")}</p>
            <p class="muted">Large shipments take a while.</p>
          </div>
        )}
        {run.state === "failed" && <Trouble problem={run.problem} retry={check} />}
        {run.state === "done" && <Outcome result={run.result} />}
      </div>
    </section>
  );
}

function Outcome({ result }: { result: Verification }) {
  const checks = result.checks ?? [];
  const logs = result.logs ?? [];
  const failed = checks.filter((c) => !c.ok);
  const findings = checks.reduce((n, c) => n + countOf(c), 0);
  const waiting = logs.reduce((n, log) => n + Math.max(0, log.size - (log.anchored?.size ?? 0)), 0);
  // The server may say "not ok" for a reason that no check names: never show that as fine.
  const broken = failed.length > 0 || !result.ok;
  const unsure = checks.length === 0 || result.unknown.length > 0;
  return (
    <div class="outcome">
      <div class={`banner ${broken ? "bad" : unsure ? "unsure" : "calm"}`}>
        <Icon name={broken ? "bad" : unsure ? "unknown" : "seal"} size={20} />
        <div>
          <p class="banner-title">
            {broken
              ? failed.length > 0
                ? `${failed.length} of ${plural(checks.length, "check")} failed, ${plural(findings, "finding")}`
                : "The server does not vouch for this shipment, though no single check failed"
              : checks.length === 0
                ? "The server ran no checks"
                : `${plural(checks.length, "check")} ran, none failed`}
          </p>
          <p class="muted">
            {plural(result.messages, "message")} in {plural(logs.length, "log")}, checked <Time at={result.checked_at} />.{" "}
            {waiting > 0 && `${plural(waiting, "newest message waits", "newest messages wait")} for the next anchor.`}
          </p>
          {result.unknown.length > 0 && (
            <p>
              {result.unknown.join(", ")} cannot be asked now: whether all that was stored since the newest anchor is here is not known.
            </p>
          )}
        </div>
      </div>
      <ul class="checks">
        {checks.map((check) => (
          <CheckRow key={check.check} check={check} />
        ))}
      </ul>
      <h3>Logs and their anchors</h3>
      {logs.length === 0 ? <p class="muted">This shipment has no log yet.</p> : <Anchors logs={logs} />}
      <p class="note muted">
        This organisation's server ran the check on its own copy. For a result that trusts no server, use the offline
        verifier, <code>verify</code>.
      </p>
    </div>
  );
}

const mostFindings = 20;

function countOf(check: Check): number {
  return check.count ?? check.findings?.length ?? 0;
}

function CheckRow({ check }: { check: Check }) {
  const findings = check.findings ?? [];
  return (
    <li class={check.ok ? "check" : "check failed"}>
      <div class="check-line">
        <Icon name={check.ok ? "ok" : "bad"} />
        <p>
          <strong>{checkTitle(check.check)}</strong> <span class="muted">{checkMeaning(check.check)}</span>
        </p>
        <span class={`check-result ${check.ok ? "good" : "bad"}`}>
          {check.ok ? "passed" : "failed"}
          {countOf(check) > 0 && `, ${plural(countOf(check), "finding")}`}
        </span>
      </div>
      {findings.length > 0 && (
        <ul class="findings">
          {findings.slice(0, mostFindings).map((finding, n) => (
            <FindingRow key={n} finding={finding} />
          ))}
          {countOf(check) > mostFindings && <li class="muted">and {count(countOf(check) - mostFindings)} more</li>}
        </ul>
      )}
    </li>
  );
}

function FindingRow({ finding }: { finding: Finding }) {
  return (
    <li>
      <p>{finding.detail}</p>
      <p class="muted finding-where">
        {finding.leaf !== undefined && (finding.tracker || finding.message) && <span>leaf {count(finding.leaf)}</span>}
        {finding.tracker && <span>tracker {finding.tracker}</span>}
        {finding.message && (
          <span>
            message <Hash value={finding.message} what="message hash" />
          </span>
        )}
        {finding.log && (
          <span>
            log <Hash value={finding.log} what="log id" />
          </span>
        )}
      </p>
    </li>
  );
}

function Anchors({ logs }: { logs: LogReport[] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Logs and their anchors">
      <table>
        <thead>
          <tr>
            <th scope="col">Log</th>
            <th scope="col" class="right">Messages</th>
            <th scope="col" class="right">Anchored</th>
            <th scope="col">Root</th>
            <th scope="col" class="right">Block</th>
            <th scope="col">Transaction</th>
            <th scope="col">Confirmed by</th>
          </tr>
        </thead>
        <tbody>
          {logs.map((log) => {
            const anchor = log.anchored?.size ? log.anchored : undefined;
            return (
              <tr key={log.log}>
                <th scope="row"><Hash value={log.log} what="log id" /></th>
                <td class="right">{count(log.size)}</td>
                <td class="right">{count(anchor?.size ?? 0)}</td>
                <td>{log.root ? <Hash value={log.root} what="log root" /> : <Mark icon="bad" tone="bad" word="Cannot be computed" />}</td>
                <td class="right">{anchor && count(anchor.block)}</td>
                <td>{anchor ? <Hash value={anchor.tx} what="transaction id" /> : <Mark icon="clock" tone="warn" word="Waiting for an anchor" />}</td>
                <td>
                  <span class="peers">
                    {(anchor?.peers ?? []).map((p) => (
                      <span key={p.org} title={p.detail}>
                        <OkMark ok={p.ok} yes={displayName(p.org)} no={p.detail ? `${displayName(p.org)}: ${p.detail}` : `${displayName(p.org)} disagrees`} />
                      </span>
                    ))}
                    {anchor && !anchor.peers?.length && <span class="muted">none asked</span>}
                  </span>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

import { useState } from "preact/hooks";
import type { ReportFormat } from "../api/client";
import { Problem } from "../api/problem";
import { useSigned } from "../context";
import { zone } from "../settings";
import { useStore } from "../store";
import { Icon } from "../ui/icon";
import { Trouble } from "../ui/states";

const formats: ReportFormat[] = ["pdf", "xlsx", "csv"];

// Report saves the report as a file. The token travels in a header, so a plain link cannot fetch it.
export function Report({ id }: { id: string }) {
  const { api } = useSigned();
  const z = useStore(zone); // a report shows the times that the page shows
  const [busy, setBusy] = useState<ReportFormat | null>(null);
  const [problem, setProblem] = useState<{ of: ReportFormat; problem: Problem } | null>(null);
  const [saved, setSaved] = useState("");
  const get = async (format: ReportFormat) => {
    if (busy) return;
    setBusy(format);
    setProblem(null);
    setSaved("");
    try {
      const { name, blob } = await api.report(id, format, z === "utc" ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
      save(name, blob);
      setSaved(name);
    } catch (cause) {
      setProblem({ of: format, problem: cause instanceof Problem ? cause : new Problem(0, "failed", "The report could not be read", String(cause)) });
    } finally {
      setBusy(null);
    }
  };
  return (
    <div class="report">
      <div class="report-buttons" role="group" aria-label="Download the report">
        <span class="muted">Report</span>
        {formats.map((f) => (
          <button type="button" class="button small" key={f} onClick={() => get(f)} aria-disabled={busy !== null}>
            <Icon name="download" /> {busy === f ? "Preparing…" : f.toUpperCase()}
          </button>
        ))}
      </div>
      <p class="hidden" role="status">
        {busy ? `Preparing the ${busy.toUpperCase()} report` : saved ? `Saved ${saved}` : ""}
      </p>
      {problem && <Trouble problem={problem.problem} retry={() => get(problem.of)} />}
    </div>
  );
}

function save(name: string, blob: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser may still be writing it
}

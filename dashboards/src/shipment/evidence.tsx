import { useEffect, useState } from "preact/hooks";
import type { Shipment } from "#rest";
import { useSigned } from "../context";
import { download, largestBundle } from "../evidence/download";
import { newNonce, problemOfNonce } from "../evidence/nonce";
import { NotAPolicy, policy, readPolicy, rememberPolicy, rememberedPolicy, summaryOf, type PolicyFile } from "../evidence/policy";
import { useRun, type Run } from "../evidence/run";
import { formatBytes, plural } from "../format/words";
import { useStore } from "../store";
import { FileField } from "../ui/filefield";
import { Icon } from "../ui/icon";
import { Segments } from "../ui/segments";
import { Trouble } from "../ui/states";
import { Keep, Result } from "./evidence-result";

type Source = "server" | "file";

// Evidence verifies a shipment in the person's own browser: with the policy file that she brings and a nonce made here, so
// that the server is only the carrier of the evidence.
export function Evidence({ shipment }: { shipment: Shipment }) {
  const { api } = useSigned();
  const trusted = useStore(policy);
  const [source, setSource] = useState<Source>("server");
  const [file, setFile] = useState<File | null>(null);
  const [fileProblem, setFileProblem] = useState("");
  const [nonce, setNonce] = useState("");
  const { run, start, reset } = useRun();
  const busy = run.state === "fetching" || run.state === "verifying";

  const fetchAndVerify = () => {
    if (!trusted) return;
    const fresh = newNonce();
    void start(trusted, async (onBytes, signal) => {
      const blob = await download(await api.evidence(shipment.id, fresh, signal), onBytes, signal);
      return { blob, name: `${shipment.id}.tsb`, nonce: fresh, fetched: true };
    });
  };
  const verifyFile = () => {
    if (!trusted || !file) return;
    void start(trusted, () => Promise.resolve({ blob: file, name: file.name, nonce, fetched: false }));
  };
  const again = source === "server" ? fetchAndVerify : verifyFile;
  const choose = (next: Source) => {
    setSource(next);
    reset();
  };
  const nonceProblem = problemOfNonce(nonce);

  return (
    <section class="card" aria-labelledby="evidence-title">
      <div class="card-head">
        <h2 id="evidence-title">Verify in this browser</h2>
        <p class="muted card-note">Checks the evidence on your own machine, against your own policy</p>
        <div class="tools">
          <Segments
            label="Evidence"
            value={source}
            options={[
              { value: "server", label: "From this server" },
              { value: "file", label: "From a file" },
            ]}
            onChange={choose}
          />
        </div>
      </div>
      <div class="evidence-inputs">
        <div>
          <h3>Your policy</h3>
          <PolicyField trusted={trusted} />
        </div>
        {source === "server" ? (
          <div>
            <h3>Evidence for {shipment.id}</h3>
            <p class="muted">
              Asks every organisation's peer for a signed answer. Random bytes from this browser make sure that no answer is old.
            </p>
            <p class="evidence-go">
              <button type="button" class="button primary" onClick={fetchAndVerify} disabled={busy || !trusted} aria-describedby="evidence-needs">
                <Icon name="seal" /> {run.state === "done" ? "Fetch and verify again" : "Fetch and verify"}
              </button>
              <Needs policy={!trusted} />
            </p>
          </div>
        ) : (
          <div>
            <h3>An evidence file</h3>
            <FileField
              id="evidence-file"
              label={file ? "Choose another file" : "Choose a bundle"}
              accept=".tsb"
              hint="or drop a .tsb file here"
              problem={fileProblem}
              onFile={(chosen) => {
                reset();
                const fits = chosen.size <= largestBundle;
                setFile(fits ? chosen : null);
                setFileProblem(fits ? "" : `${chosen.name} (${formatBytes(chosen.size)}) is too large for a browser. Check it with the verify program.`);
              }}
            >
              {file && (
                <p class="filefield-name">
                  <strong>{file.name}</strong> <span class="muted">{formatBytes(file.size)}</span>
                </p>
              )}
            </FileField>
            <p class="evidence-nonce">
              <label for="evidence-nonce">Nonce</label>
              <input
                id="evidence-nonce"
                value={nonce}
                placeholder="hex, if you used one"
                spellcheck={false}
                autocomplete="off"
                aria-invalid={nonceProblem ? true : undefined}
                aria-describedby="evidence-nonce-problem"
                onInput={(e) => setNonce(e.currentTarget.value.trim().toLowerCase())}
              />
            </p>
            <p class="filefield-problem" id="evidence-nonce-problem" role="alert">
              {nonceProblem}
            </p>
            <p class="evidence-go">
              <button type="button" class="button primary" onClick={verifyFile} disabled={busy || !trusted || !file || nonceProblem !== ""} aria-describedby="evidence-needs">
                <Icon name="seal" /> Verify the file
              </button>
              <Needs policy={!trusted} file={!file} />
            </p>
          </div>
        )}
      </div>
      <Progress run={run} cancel={reset} />
      {run.state === "failed" && (
        <div class="evidence-failed">
          <Trouble problem={run.problem} retry={again} />
          {run.bundle && <Keep bundle={run.bundle} policyName={trusted?.name ?? "policy.json"} />}
        </div>
      )}
      {run.state === "done" && <Result run={run} wanted={shipment.id} />}
      <p class="note muted">
        This page itself came from {location.host}. To trust no server at all, check the saved bundle with the{" "}
        <code>verify</code> program, or with the page that <code>make verify.html</code> builds from the source.
      </p>
    </section>
  );
}

function PolicyField({ trusted }: { trusted: PolicyFile | null }) {
  const [problem, setProblem] = useState("");
  const [kept, setKept] = useState(false);
  useEffect(() => {
    const remembered = rememberedPolicy();
    setKept(remembered !== null);
    if (remembered && !policy.value) policy.set(remembered);
  }, []);

  const bring = async (file: File) => {
    try {
      const next = await readPolicy(file);
      setProblem("");
      policy.set(next);
      if (kept) setKept(rememberPolicy(next));
    } catch (cause) {
      setProblem(cause instanceof NotAPolicy ? cause.message : `${file.name} could not be read`);
    }
  };
  const summary = trusted && summaryOf(trusted);
  return (
    <FileField
      id="policy-file"
      label={trusted ? "Choose another file" : "Choose a policy"}
      accept=".json,application/json"
      hint={trusted ? "or drop it here" : "or drop the .json file here. It never comes from this server."}
      problem={problem}
      onFile={(file) => void bring(file)}
    >
      {trusted && summary && (
        <div class="policy">
          <p class="filefield-name">
            <strong>{trusted.name}</strong>{" "}
            <span class="muted">
              channel {summary.channel}, {plural(summary.roots, "trusted root")}
            </span>
          </p>
          <p class="muted">requires {summary.required.join(", ")}</p>
          <p class="policy-keep">
            <label>
              <input type="checkbox" checked={kept} onChange={(e) => setKept(rememberPolicy(e.currentTarget.checked ? trusted : null))} /> Remember
              in this browser
            </label>
            <button
              type="button"
              class="button small quiet"
              onClick={() => {
                policy.set(null);
                setKept(rememberPolicy(null));
              }}
            >
              <Icon name="cross" size={14} /> Remove
            </button>
          </p>
        </div>
      )}
    </FileField>
  );
}

function Needs({ policy, file = false }: { policy: boolean; file?: boolean }) {
  const missing = [policy ? "your policy" : "", file ? "a bundle" : ""].filter(Boolean);
  return (
    <span class="muted" id="evidence-needs">
      {missing.length > 0 && `Choose ${missing.join(" and ")} first.`}
    </span>
  );
}

// Progress is always in the page, so that assistive technology hears what comes into it.
function Progress({ run, cancel }: { run: Run; cancel: () => void }) {
  const fetching = run.state === "fetching";
  const verifying = run.state === "verifying" && run;
  return (
    <div class="evidence-progress">
      <p class={fetching || verifying ? "" : "hidden"} role="status">
        {fetching && (run.bytes > 0 ? "Receiving the evidence" : "Collecting signed answers from every organisation")}
        {verifying && (verifying.total > 0 ? `Verifying ${plural(verifying.total, "message")}` : "Starting the verifier")}
        {run.state === "done" && "Verification finished."}
      </p>
      {(fetching || verifying) && (
        <>
          <span class="muted">
            {fetching && run.bytes > 0 && formatBytes(run.bytes)}
            {verifying && verifying.total > 0 && `${Math.floor((100 * verifying.done) / verifying.total)} %`}
          </span>
          <progress
            aria-label={fetching ? "Fetching the evidence" : "Verifying"}
            {...(verifying && verifying.total > 0 ? { max: verifying.total, value: verifying.done } : {})}
          />
          <button type="button" class="button small" onClick={cancel}>
            Cancel
          </button>
        </>
      )}
    </div>
  );
}

import { useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "../api/problem";
import { verify } from "./engine";
import type { PolicyFile } from "./policy";
import type { Report } from "./report";

// Bundle is the very file that is verified.
export type Bundle = { blob: Blob; name: string; nonce: string; fetched: boolean };

export type Run =
  | { state: "idle" }
  | { state: "fetching"; bytes: number }
  | { state: "verifying"; bundle: Bundle; done: number; total: number }
  | { state: "done"; bundle: Bundle; policy: PolicyFile; report: Report }
  // With a bundle, it was the verification that could not be made: the file can still be saved and checked elsewhere.
  | { state: "failed"; problem: Problem; bundle?: Bundle };

// useRun holds one verification at a time: get the bundle, verify it. A new one ends the one before, and so does leaving
// the page.
export function useRun(): {
  run: Run;
  start: (policy: PolicyFile, get: (onBytes: (bytes: number) => void, signal: AbortSignal) => Promise<Bundle>) => Promise<void>;
  reset: () => void;
} {
  const [run, setRun] = useState<Run>({ state: "idle" });
  const current = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => current.current?.abort(), []);

  const reset = () => {
    current.current?.abort();
    setRun({ state: "idle" });
  };
  const start = async (policy: PolicyFile, get: (onBytes: (bytes: number) => void, signal: AbortSignal) => Promise<Bundle>) => {
    current.current?.abort();
    const stop = new AbortController();
    current.current = stop;
    const show = (next: Run) => !stop.signal.aborted && setRun(next);
    let bundle: Bundle | undefined;
    try {
      show({ state: "fetching", bytes: 0 });
      const got = await get((bytes) => show({ state: "fetching", bytes }), stop.signal);
      bundle = got;
      show({ state: "verifying", bundle: got, done: 0, total: 0 });
      const task = { bundle: got.blob, policy: policy.text, nonce: got.nonce };
      const report = await verify(task, (done, total) => show({ state: "verifying", bundle: got, done, total }), stop.signal);
      show({ state: "done", bundle: got, policy, report });
    } catch (cause) {
      const problem = cause instanceof Problem ? cause : new Problem(0, "failed", "The verification could not be run", String(cause));
      show({ state: "failed", problem, ...(bundle ? { bundle } : {}) });
    }
  };
  return { run, start, reset };
}

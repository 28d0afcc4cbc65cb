import { Problem } from "../api/problem";
import { reportFrom, type Report } from "./report";

// Task and Answer cross the border to the worker.
export type Task = { bundle: Blob; policy: string; nonce: string };
export type Answer =
  | { ready: true }
  | { done: number; total: number }
  | { report: string }
  | { trouble: "fetch" | "compile" | "run"; detail: string };

// verify runs the verifier in a worker of its own. Nothing of it is loaded before the first call; the browser keeps it for
// the next. Throws Problem (the verification could not be made; that says nothing about the evidence), or the AbortError of
// its signal.
export function verify(task: Task, onProgress: (done: number, total: number) => void, signal: AbortSignal): Promise<Report> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    let worker: Worker;
    const end = () => {
      signal.removeEventListener("abort", abort);
      worker?.terminate();
    };
    const fail = (problem: Problem) => {
      end();
      reject(problem);
    };
    const abort = () => {
      end();
      reject(signal.reason as Error);
    };
    try {
      worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    } catch (cause) {
      fail(unloaded(String(cause)));
      return;
    }
    signal.addEventListener("abort", abort);
    worker.onerror = (event) => {
      event.preventDefault();
      fail(event.message ? new Problem(0, "verifier", "The verifier stopped", event.message) : unloaded("The server may be unavailable."));
    };
    worker.onmessage = ({ data: answer }: MessageEvent<Answer>) => {
      if ("done" in answer) onProgress(answer.done, answer.total);
      else if ("trouble" in answer) fail(troubleOf(answer.trouble, answer.detail));
      else if ("report" in answer) {
        end();
        try {
          resolve(reportFrom(answer.report));
        } catch (cause) {
          // Mostly a policy file that the verifier does not take: its words name every problem.
          reject(new Problem(0, "unreadable", "The verifier cannot use these files", cause instanceof Error ? cause.message : String(cause)));
        }
      }
    };
    worker.postMessage(task);
  });
}

function unloaded(detail: string): Problem {
  return new Problem(0, "verifier", "The verifier cannot be loaded", detail);
}

function troubleOf(trouble: "fetch" | "compile" | "run", detail: string): Problem {
  if (trouble === "fetch") return unloaded(detail);
  if (trouble === "run") return new Problem(0, "verifier", "The verifier stopped", detail);
  if (/content security policy|unsafe-eval|disallowed by embedder/i.test(detail)) {
    return new Problem(0, "wasm_blocked", "WebAssembly is blocked here", "A server or proxy sends a Content-Security-Policy without 'wasm-unsafe-eval'. Download the bundle and check it with the verify program.");
  }
  return new Problem(0, "wasm_failed", "This browser cannot run the verifier", `${detail}. Download the bundle and check it with the verify program.`);
}

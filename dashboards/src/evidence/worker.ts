// The worker in which the verifier runs: a long bundle does not freeze the page, and cancelling ends it.
import "../../.verifier/wasm_exec.js";
import wasmURL from "../../.verifier/verify.wasm?url";
import type { Answer, Task } from "./engine";

type Read = (offset: number, length: number) => Uint8Array;

// What wasm_exec.js and the verifier define.
const scope = globalThis as unknown as {
  Go: new () => { importObject: WebAssembly.Imports; run: (instance: WebAssembly.Instance) => Promise<void> };
  FileReaderSync: new () => { readAsArrayBuffer: (blob: Blob) => ArrayBuffer };
  tracksealVerify: (read: Read, policy: string, nonce: string, progress: (done: number, total: number) => void) => string;
  postMessage: (answer: Answer) => void;
  onmessage: ((event: MessageEvent<Task>) => void) | null;
};

async function load(): Promise<void> {
  let code: Response;
  try {
    code = await fetch(wasmURL);
  } catch {
    throw { stage: "fetch", detail: "The server cannot be reached." };
  }
  if (!code.ok) throw { stage: "fetch", detail: `The server answered ${code.status}.` };
  const go = new scope.Go();
  try {
    const { instance } = await WebAssembly.instantiate(await code.arrayBuffer(), go.importObject);
    void go.run(instance); // never ends while the worker lives
  } catch (cause) {
    throw { stage: "compile", detail: String(cause instanceof Error ? cause.message : cause) };
  }
}

scope.onmessage = async ({ data: task }) => {
  try {
    await load();
  } catch (cause) {
    const { stage, detail } = cause as { stage: "fetch" | "compile"; detail: string };
    scope.postMessage({ trouble: stage ?? "compile", detail: detail ?? String(cause) });
    return;
  }
  try {
    const files = new scope.FileReaderSync();
    const read: Read = (offset, length) => new Uint8Array(files.readAsArrayBuffer(task.bundle.slice(offset, offset + length)));
    scope.postMessage({ ready: true });
    scope.postMessage({ report: scope.tracksealVerify(read, task.policy, task.nonce, (done, total) => scope.postMessage({ done, total })) });
  } catch (cause) {
    scope.postMessage({ trouble: "run", detail: String(cause instanceof Error ? cause.message : cause) });
  }
};

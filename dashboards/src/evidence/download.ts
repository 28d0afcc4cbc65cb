import { Problem } from "../api/problem";

// The browser holds the bundle while it verifies it; beyond this the program does it better.
export const largestBundle = 1 << 30;

// Chunks are put together now and then, so that the browser may move what it has to disk.
const spill = 8 << 20;

// download reads a bundle as it is. The bytes are kept as one Blob: what is verified, and what a person can save. Throws
// Problem, or the AbortError of its signal.
export async function download(
  bundle: ReadableStream<Uint8Array<ArrayBuffer>>,
  onProgress: (bytes: number) => void,
  signal: AbortSignal,
  largest = largestBundle,
): Promise<Blob> {
  const reader = bundle.getReader();
  let whole = new Blob([]);
  let parts: BlobPart[] = [];
  let held = 0;
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      held += value.length;
      bytes += value.length;
      if (bytes > largest) {
        throw new Problem(0, "too_large", "The evidence is too large for a browser", "Download it with curl and check it with the verify program.");
      }
      if (held >= spill) {
        whole = new Blob([whole, ...parts]);
        parts = [];
        held = 0;
      }
      onProgress(bytes);
    }
  } catch (cause) {
    void reader.cancel().catch(() => undefined); // it may have failed already
    if (cause instanceof Problem || signal.aborted) throw cause;
    throw new Problem(0, "cut_off", "The evidence was cut off", `The connection ended after ${bytes} bytes. Try again.`);
  }
  return new Blob([whole, ...parts], { type: "application/vnd.trackseal.evidence" });
}

import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { Report } from "../../src/evidence/report";

const root = join(import.meta.dirname, "../../..");

// goMissing: without Go there is no evidence to test with; skipped with one line, or a failure when TRACKSEAL_REQUIRE=1.
export function goMissing(): boolean {
  try {
    execFileSync("go", ["version"]);
    return false;
  } catch {
    const line = "dashboards: no Go found, the tests of evidence are skipped";
    if (process.env.TRACKSEAL_REQUIRE === "1") throw new Error(line);
    console.warn(line);
    return true;
  }
}

export type Change = "" | "edited" | "swapped" | "cut";

// Vectors are honest and falsified evidence, made when the tests run, with the program verify to compare with.
export class Vectors {
  readonly dir = mkdtempSync(join(tmpdir(), "trackseal-vectors-"));
  private server: ChildProcess | undefined;
  private url = "";

  async start(): Promise<void> {
    await go("build", "-buildvcs=false", "-o", `${this.dir}/`, "./dashboards/test/vectors", "./verify");
    this.server = spawn(join(this.dir, "vectors"), { stdio: ["pipe", "pipe", "inherit"] });
    for await (const line of createInterface({ input: this.server.stdout! })) {
      this.url = line;
      return;
    }
    throw new Error("vectors printed no address");
  }

  stop(): void {
    this.server?.stdin?.end();
    rmSync(this.dir, { recursive: true, force: true });
  }

  policy(): Promise<Buffer> {
    return this.get("/policy");
  }

  bundle(nonce: string, change: Change = ""): Promise<Buffer> {
    return this.get(`/bundle?nonce=${nonce}&change=${change}`);
  }

  private async get(path: string): Promise<Buffer> {
    const answer = await fetch(this.url + path);
    if (!answer.ok) throw new Error(`vectors: ${path}: ${answer.status} ${await answer.text()}`);
    return Buffer.from(await answer.arrayBuffer());
  }

  // program is what `verify` says of the same files.
  program(bundle: string, policy: string, nonce: string): Promise<{ exit: number; report: Report }> {
    return verifyWith(join(this.dir, "verify"), bundle, policy, nonce);
  }

  // page builds the verifier as one file and answers its path.
  async page(): Promise<string> {
    const path = join(this.dir, "verify.html");
    await go("run", "-buildvcs=false", "./verify/standalone", "-out", path);
    return path;
  }
}

export async function verifyWith(program: string, bundle: string, policy: string, nonce: string): Promise<{ exit: number; report: Report }> {
  const args = [bundle, "--policy", policy, "--json", "--quiet", ...(nonce ? ["--nonce", nonce] : [])];
  return new Promise((resolve, reject) => {
    execFile(program, args, (error, stdout, stderr) => {
      const exit = error ? Number(error.code) : 0;
      if (exit > 2 || !stdout) reject(new Error(`verify: exit ${exit}: ${stderr}`));
      else resolve({ exit, report: JSON.parse(stdout) as Report });
    });
  });
}

async function go(...args: string[]): Promise<void> {
  await promisify(execFile)("go", args, { cwd: root, env: { ...process.env, CGO_ENABLED: "0" } });
}

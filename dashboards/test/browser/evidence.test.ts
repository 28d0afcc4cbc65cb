import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Report } from "../../src/evidence/report";
import { obstacles } from "./axe";
import { browserMissing, launch, open, type Watched } from "./chromium";
import * as fixtures from "./fixtures";
import { MockApi } from "./mock";
import { patience } from "./patience";
import { goMissing, Vectors, type Change } from "./vectors";

const shipment = "SHIP-1"; // that of the vectors
const passed = "Everything that your policy requires passed";

describe.skipIf(browserMissing() || goMissing())("evidence in Chromium", () => {
  let browser: Browser;
  const vectors = new Vectors();
  let policy: { name: string; mimeType: string; buffer: Buffer };
  let policyFile: string;
  let api: MockApi;
  let watched: Watched | undefined;

  beforeAll(async () => {
    await vectors.start();
    policy = { name: "policy.json", mimeType: "application/json", buffer: await vectors.policy() };
    policyFile = join(vectors.dir, "policy.json");
    writeFileSync(policyFile, policy.buffer);
    browser = await launch();
  }, 300_000);
  afterAll(async () => {
    await browser?.close();
    vectors.stop();
  });
  beforeEach(async () => {
    api = new MockApi();
    const closed = fixtures.shipments.find((s) => s.state === "closed")!;
    api.shipments = [...api.shipments, { ...closed, id: shipment, description: "Vaccines, for the tests of evidence" }];
    api.evidence = (nonce) => vectors.bundle(nonce);
    await api.start();
  });
  afterEach(async () => {
    await watched?.context.close();
    watched = undefined;
    await api.stop();
  });

  async function visit(id = shipment, options: Parameters<typeof open>[2] = {}): Promise<Page> {
    watched = await open(browser, api.url, { now: fixtures.now, ...options });
    const { page } = watched;
    await page.goto(`${api.url}/#client=${api.client}&secret=${api.secret}`);
    await page.getByRole("link", { name: id }).click();
    await page.getByRole("heading", { name: "Verify in this browser" }).waitFor();
    return page;
  }
  const bring = (page: Page) => page.setInputFiles("#policy-file", policy);
  const fetchAndVerify = (page: Page) => page.getByRole("button", { name: /Fetch and verify/ }).click();
  const banner = (page: Page, text: string | RegExp) => page.locator(".evidence-result .banner-title", { hasText: text }).waitFor();
  const said = async (page: Page) => (await page.locator(".five-status").allInnerTexts()).map((t) => t.trim().toLowerCase());
  const nonces = () => api.seen.filter((r) => r.includes("/evidence?")).map((r) => r.split("nonce=")[1]!);

  async function saved(page: Page, name: RegExp): Promise<Buffer> {
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name }).click()]);
    return readFileSync(await file.path());
  }

  test("loads nothing of the verifier until it is asked to verify", async () => {
    const page = await visit();
    await page.getByText("No readings in this window").waitFor();
    const verifier = () => api.seen.filter((r) => /worker|wasm/.test(r)).length;
    expect(verifier()).toBe(0);
    expect(await page.getByRole("button", { name: "Fetch and verify" }).isDisabled()).toBe(true);
    await page.getByText("Choose your policy first.").waitFor();
    await bring(page);
    expect(verifier()).toBe(0);
    await fetchAndVerify(page);
    await banner(page, passed);
    expect(verifier()).toBe(2);
    expect(api.seen.some((r) => r.includes("policy"))).toBe(false); // the auditor brings it
    expect(watched!.complaints).toEqual([]);
  });

  test("verifies honest evidence, saves the very bundle, and agrees with the program", async () => {
    const sent: Buffer[] = [];
    api.evidence = async (nonce) => {
      sent.push(await vectors.bundle(nonce));
      return sent.at(-1)!;
    };
    const page = await visit();
    await bring(page);
    await page.getByText("requires authentic, anchored, final, complete").waitFor();
    await fetchAndVerify(page);
    await banner(page, passed);
    expect((await said(page)).slice(0, 4)).toEqual(["pass", "pass", "pass", "pass"]);
    expect(nonces()[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(await page.locator(".command code").innerText()).toBe(`go run ./verify ${shipment}.tsb --policy policy.json --nonce ${nonces()[0]}`);

    const bundle = await saved(page, /Save SHIP-1\.tsb/);
    expect(bundle.equals(sent[0]!)).toBe(true);
    const path = join(vectors.dir, "saved.tsb");
    writeFileSync(path, bundle);
    const program = await vectors.program(path, policyFile, nonces()[0]!);
    const { exit, ...report } = JSON.parse((await saved(page, /Save the report/)).toString()) as Report;
    expect(report).toEqual(program.report);
    expect(exit).toBe(program.exit);

    await page.getByRole("button", { name: "Fetch and verify again" }).click();
    await expect.poll(() => nonces().length).toBe(2);
    await banner(page, passed);
    expect(nonces()[1]).not.toBe(nonces()[0]);
  });

  const cases: [Change, RegExp, string][] = [
    ["edited", /^Not passed: authentic failed/, "E_PACK"],
    ["swapped", /^Not passed: .*failed/, "E_SHIP_PREFIX"],
    ["cut", /^Not passed: .*failed/, "E_BUNDLE_FORMAT"],
  ];
  for (const [change, title, code] of cases) {
    test(`shows ${code} when the bundle is ${change}, from the server and as a file`, async () => {
      const nonce = "00112233";
      const raw = await vectors.bundle(nonce, change);
      const path = join(vectors.dir, `${change}.tsb`);
      writeFileSync(path, raw);
      const program = await vectors.program(path, policyFile, nonce);
      expect(program.exit).toBe(1);

      api.evidence = (n) => vectors.bundle(n, change);
      const page = await visit();
      await bring(page);
      await fetchAndVerify(page);
      const finding = page.locator(".evidence-findings li", { hasText: code });
      const found = async (...more: string[]) => {
        await banner(page, title);
        expect(await said(page)).toEqual(Object.values(program.report.verdicts));
        const text = await finding.first().innerText();
        for (const part of ["Fail", ...more]) expect(text).toContain(part);
      };
      await found();

      await page.getByRole("button", { name: "From a file" }).click();
      expect(await page.locator(".evidence-result").count()).toBe(0);
      await page.setInputFiles("#evidence-file", path);
      await page.getByLabel("Nonce").fill(nonce);
      await page.getByRole("button", { name: "Verify the file" }).click();
      const listed = program.report.findings.find((f) => f.code === code)!;
      await found(listed.where, listed.expected, listed.found);
      expect(await page.getByRole("link", { name: /Save .*tsb/ }).count()).toBe(0); // she has it
    });
  }

  test("never takes honest evidence of another shipment for this one's", async () => {
    const page = await visit("VAX-2026-0117");
    await bring(page);
    await fetchAndVerify(page);
    await banner(page, "This bundle is for SHIP-1, not for this shipment");
    expect(await page.locator(".evidence-result .banner.bad").count()).toBe(1);
    expect(await page.getByText(passed).count()).toBe(0);
  });

  test("takes dropped files, and tells an old answer by its nonce", async () => {
    const page = await visit();
    await drop(page, "#policy-file", "mine.json", policy.buffer);
    await page.getByText("mine.json").waitFor();
    await page.getByRole("button", { name: "From a file" }).click();
    await page.getByText("Choose a bundle first.").waitFor();
    await drop(page, "#evidence-file", "old.tsb", await vectors.bundle("aa"));
    await page.getByText("old.tsb").waitFor();
    await page.getByRole("button", { name: "Verify the file" }).click();
    await banner(page, passed);
    await page.getByText("W_NO_NONCE").waitFor();
    await page.getByLabel("Nonce").fill("xyz");
    await page.getByText("A nonce is lower-case hex").waitFor();
    expect(await page.getByRole("button", { name: "Verify the file" }).isDisabled()).toBe(true);
    await page.getByLabel("Nonce").fill("bb");
    await page.getByRole("button", { name: "Verify the file" }).click();
    await banner(page, /^Not passed: .*final/);
    await page.locator(".evidence-findings li", { hasText: "E_STALE" }).first().waitFor();
  });

  test("keeps the policy in memory, or in the browser only when asked to", async () => {
    const page = await visit();
    const kept = () => page.evaluate(() => Object.keys(localStorage).filter((k) => k.includes("policy")));
    await page.setInputFiles("#policy-file", { name: "x.json", mimeType: "application/json", buffer: Buffer.from("{") });
    await page.getByText("x.json is not JSON").waitFor();
    await page.setInputFiles("#policy-file", { name: "y.json", mimeType: "application/json", buffer: Buffer.from("{}") });
    await page.getByText("y.json is not a policy file").waitFor();
    await bring(page);
    await expect.poll(() => page.getByRole("alert").count()).toBe(0);
    expect(await kept()).toEqual([]);
    await page.getByRole("link", { name: "Shipments" }).first().click();
    await page.getByRole("link", { name: "INS-4410" }).click();
    await page.getByText("policy.json", { exact: true }).waitFor();
    await page.reload();
    await page.getByText("Choose your policy first.").waitFor();

    await bring(page);
    await page.getByLabel("Remember in this browser").check();
    expect(await kept()).toHaveLength(1);
    await page.reload();
    await page.getByText("policy.json", { exact: true }).waitFor();
    expect(await page.getByLabel("Remember in this browser").isChecked()).toBe(true);
    await page.getByRole("button", { name: "Remove" }).click();
    await page.getByText("Choose your policy first.").waitFor();
    expect(await kept()).toEqual([]);
  });

  test("says what is wrong with a policy in the verifier's words", async () => {
    const page = await visit();
    const wrong = JSON.parse(policy.buffer.toString()) as { orderers: { consensus: string } };
    wrong.orderers.consensus = "dice";
    await page.setInputFiles("#policy-file", { name: "wrong.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(wrong)) });
    await fetchAndVerify(page);
    await page.getByText('orderers.consensus must be "bft" or "raft"').waitFor();
    expect(await page.locator(".five").count()).toBe(0);
  });

  test("tells each way in which it can go wrong, and keeps what it has", async () => {
    const page = await visit();
    await bring(page);
    const trouble = page.locator(".evidence-failed");
    for (const [status, words] of [
      [403, "This client does not have access"],
      [409, "not anchored yet"],
      [503, "The telemetry store is unavailable"],
    ] as const) {
      api.fail.set("/evidence", status);
      await fetchAndVerify(page);
      await trouble.getByText(words).waitFor();
    }
    api.fail.clear();
    await watched!.context.setOffline(true);
    await fetchAndVerify(page);
    await trouble.getByText("The server cannot be reached").waitFor();
    await watched!.context.setOffline(false);
    api.evidenceEnds = 100_000;
    await trouble.getByRole("button", { name: "Retry" }).click();
    await trouble.getByText("The evidence was cut off").waitFor();
    expect(await page.locator(".keep").count()).toBe(0); // half a bundle is none
    api.evidenceEnds = Infinity;

    api.missing = ".wasm";
    await fetchAndVerify(page);
    await trouble.getByText("The verifier cannot be loaded").waitFor();
    expect((await saved(page, /Save SHIP-1\.tsb/)).length).toBeGreaterThan(100_000);
    expect(await trouble.locator(".command code").innerText()).toContain(nonces().at(-1)!);
    api.missing = "worker";
    await page.reload();
    await bring(page);
    await fetchAndVerify(page);
    await trouble.getByText("The verifier cannot be loaded").waitFor();
    api.missing = "";
    await fetchAndVerify(page);
    await banner(page, passed);
  });

  test("says so where WebAssembly is blocked", async () => {
    api.policy = api.policy.replace(" 'wasm-unsafe-eval'", "");
    const page = await visit();
    await bring(page);
    await fetchAndVerify(page);
    await page.getByText("WebAssembly is blocked here").waitFor();
    await page.getByRole("link", { name: /Save SHIP-1\.tsb/ }).waitFor();
  });

  test("can be cancelled", async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => (go = resolve));
    api.evidence = async (nonce) => {
      await gate;
      return vectors.bundle(nonce);
    };
    const page = await visit();
    await bring(page);
    await fetchAndVerify(page);
    await page.getByText("Collecting signed answers").waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await expect.poll(() => page.locator("progress").count()).toBe(0);
    go();
    expect(await page.locator(".evidence-result, .evidence-failed").count()).toBe(0);
    await fetchAndVerify(page);
    await banner(page, passed);
  });

  test("can be used with the keyboard alone", async () => {
    const page = await visit();
    const reach = async (wanted: string) => {
      for (let i = 0; i < 60; i++) {
        await page.keyboard.press("Tab");
        const at = await page.evaluate(() => document.activeElement?.id || (document.activeElement as HTMLElement | null)?.innerText?.trim());
        if (at === wanted) return;
      }
      throw new Error(`the keyboard does not reach ${wanted}`);
    };
    await reach("policy-file");
    expect(await page.evaluate(() => getComputedStyle(document.activeElement!.nextElementSibling!).outlineStyle)).toBe("solid");
    // The browser's own dialog follows the click; whether a headless one opens it in time is not ours to test.
    await page.evaluate(() => {
      const input = document.getElementById("policy-file")!;
      input.addEventListener("click", (e) => (e.preventDefault(), (input.dataset.asked = "yes")));
    });
    await page.keyboard.press("Space");
    await expect.poll(() => page.locator("#policy-file").getAttribute("data-asked")).toBe("yes");
    await bring(page);
    await page.getByText("requires authentic").waitFor(); // the button can be pressed from now on
    await reach("Fetch and verify");
    await page.keyboard.press("Enter");
    await banner(page, passed);
  });

  for (const dark of [false, true]) {
    for (const width of [390, 768, 1280]) {
      test(`fits ${width} px, ${dark ? "dark" : "light"}, without an obstacle`, async () => {
        const page = await visit(shipment, { dark, width, height: 844 });
        const look = async (name: string) => {
          expect(await page.evaluate(() => document.documentElement.scrollWidth), `${name} scrolls sideways`).toBeLessThanOrEqual(width);
          expect(await obstacles(page, "section:has(#evidence-title)"), name).toEqual([]);
          if (process.env.TRACKSEAL_SHOTS) {
            const card = page.locator("section", { has: page.locator("#evidence-title") });
            await card.screenshot({ path: `${process.env.TRACKSEAL_SHOTS}/evidence-${name}-${width}-${dark ? "dark" : "light"}.png` });
          }
        };
        await bring(page);
        await fetchAndVerify(page);
        await banner(page, passed);
        await look("pass");
        api.evidence = (nonce) => vectors.bundle(nonce, "edited");
        await fetchAndVerify(page);
        await banner(page, "Not passed");
        await look("fail");
        await page.getByRole("button", { name: "From a file" }).click();
        await page.setInputFiles("#evidence-file", { name: "SHIP-1.tsb", mimeType: "", buffer: await vectors.bundle("aa") });
        await look("file");
      });
    }
  }

  test("the single page works from disk, without a network, and says what the program says", async () => {
    const file = await vectors.page();
    const context = await browser.newContext({ offline: true });
    context.setDefaultTimeout(patience);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("request", (request) => {
      if (!/^(file|blob|data):/.test(request.url())) complaints.push(`request to ${request.url()}`);
    });
    await page.goto(`file://${file}`);
    expect(await obstacles(page)).toEqual([]);
    for (const change of ["", "edited", "swapped", "cut"] as const) {
      const path = join(vectors.dir, `disk${change}.tsb`);
      writeFileSync(path, await vectors.bundle("c0ffee", change));
      const { exit, report } = await vectors.program(path, policyFile, "c0ffee");
      await page.setInputFiles("#bundle", path);
      await page.setInputFiles("#policy", policyFile);
      await page.fill("#nonce", "c0ffee");
      await page.click("#go");
      await page.locator("h2", { hasText: exit === 0 ? ": passed" : ": not passed" }).waitFor();
      expect(await page.locator(".verdicts b").allInnerTexts()).toEqual(Object.values(report.verdicts).map((s) => s.toUpperCase()));
      const text = await page.locator("#out").innerText();
      for (const f of report.findings) for (const part of [f.code, f.where, f.expected, f.found]) expect(text).toContain(part);
      expect(text).toContain(report.policy);
      if (report.bundle) expect(text).toContain(report.bundle);
      expect(await obstacles(page)).toEqual([]);
      await page.evaluate(() => document.getElementById("out")!.replaceChildren());
    }
    expect(complaints).toEqual([]);
    await context.close();
  });
});

// drop lets a file fall on the field of an input.
async function drop(page: Page, input: string, name: string, body: Buffer): Promise<void> {
  const data = await page.evaluateHandle(
    ({ name, body }) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(body), (c) => c.charCodeAt(0))], name));
      return transfer;
    },
    { name, body: body.toString("base64") },
  );
  await page.locator(".filefield", { has: page.locator(input) }).dispatchEvent("drop", { dataTransfer: data });
}

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Compliance, Shipment } from "#rest";
import { worstFirst } from "../../src/evidence/report";
import { browserMissing, launch, open } from "../browser/chromium";
import { verifyWith } from "../browser/vectors";
import { dir, Member, program, replay, stackMissing, trip } from "./running";

const run = promisify(execFile);

describe.skipIf(stackMissing() || browserMissing())("in Chromium, against a real stack", () => {
  let browser: Browser;
  let viewer: Member;
  let shipment: Shipment;

  beforeAll(async () => {
    viewer = await Member.of("carrier", "viewer");
    const files = await mkdtemp(join(tmpdir(), "trackseal-page-"));
    const id = `carrier.LOOK-${Date.now()}`;
    await writeFile(join(files, "trip.csv"), trip((n) => 4 + (n % 10) / 10));
    await replay(join(files, "trip.csv"), id, "--state", join(files, "state"));
    await rm(files, { recursive: true });
    shipment = await viewer.get<Shipment>(`/v1/shipments/${id}`);
    expect(shipment.messages).toBeGreaterThan(0);
    const judged = await viewer.get<Compliance>(`/v1/shipments/${id}/compliance`);
    expect(judged.rule_set?.rules?.length).toBeGreaterThan(0);
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
  });

  test("signs in, opens a shipment, sees its readings and checks it against the ledger", async () => {
    const { page, context, complaints } = await open(browser, viewer.url);
    const look = async (name: string) => {
      if (process.env.TRACKSEAL_SHOTS) await page.screenshot({ path: `${process.env.TRACKSEAL_SHOTS}/stack-${name}.png`, fullPage: true });
    };
    await page.goto(`${viewer.url}/#client=${viewer.client}&secret=old`); // a link from before a reset
    await page.getByText("Client ID or secret is wrong").waitFor();
    await page.getByLabel("Client id").fill(viewer.client);
    await page.getByLabel("Client secret").fill(viewer.secret);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator(".list tbody tr").first().waitFor();
    await page.locator(".strip .mark").waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
    await look("list");

    await page.goto(`${viewer.url}/#/shipments/${encodeURIComponent(shipment.id)}`);
    await page.getByRole("heading", { level: 1, name: shipment.id }).waitFor();
    const chart = page.locator(".plot").first();
    await chart.waitFor();
    const summary = await chart.getAttribute("aria-label");
    expect(summary).toMatch(/ from /);
    await page.getByRole("button", { name: "Table" }).click();
    expect(await page.locator("table.numbers tbody tr").count()).toBeGreaterThan(0);
    await page.getByRole("button", { name: "Chart" }).click();

    await page.getByRole("button", { name: "Check against the ledger" }).click();
    await page.locator(".check").first().waitFor({ timeout: 120_000 });
    expect(await page.locator(".check").count()).toBeGreaterThanOrEqual(8);
    await look("shipment");

    await page.getByRole("link", { name: "Network", exact: true }).click();
    await page.locator(".nodes li").first().waitFor();
    await look("network");
    // Chromium itself reports the refused sign-in; nothing else may complain.
    expect(complaints.filter((c) => !c.includes("status of 401"))).toEqual([]);
    await context.close();
  });

  test("verifies a closed shipment in the page, and finds a byte that was changed", async () => {
    const files = await mkdtemp(join(tmpdir(), "trackseal-page-"));
    const at = (name: string) => join(files, name);
    const id = `carrier.PAGE-${Date.now()}`;
    await writeFile(at("trip.csv"), trip((n) => 4 + (n % 10) / 10));
    await replay(at("trip.csv"), id, "--close", "--state", at("state"));
    // What an auditor gets from the organisations in person, the development network prints.
    const [network, ...before] = process.env.TRACKSEAL_NETWORK ? [process.env.TRACKSEAL_NETWORK] : ["go", "run", "./network"];
    const printed = await run(network!, [...before, "--dir", dir, "env", "--policy"], { cwd: join(import.meta.dirname, "../../.."), timeout: 60_000 });
    await writeFile(at("policy.json"), printed.stdout);

    const { page, context, complaints } = await open(browser, viewer.url);
    await page.goto(viewer.link);
    await page.getByRole("heading", { name: "Shipments" }).waitFor();
    await page.goto(`${viewer.url}/#/shipments/${id}`);
    await page.setInputFiles("#policy-file", at("policy.json"));
    await page.getByRole("button", { name: "Fetch and verify" }).click();
    const title = page.locator(".evidence-result .banner-title, .evidence-failed .trouble");
    await title.waitFor({ timeout: 120_000 });
    const said = async () => (await page.locator(".five-status").allInnerTexts()).map((t) => t.trim().toLowerCase());
    const codes = async () => (await page.locator(".evidence-findings code").allInnerTexts()).join();
    expect(await title.innerText()).toBe("Everything that your policy requires passed");
    expect((await said()).slice(0, 4), await codes()).toEqual(["pass", "pass", "pass", "pass"]);

    const [saved] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: `Save ${id}.tsb` }).click()]);
    const raw = await readFile(await saved.path());
    await writeFile(at("honest.tsb"), raw);
    const nonce = /--nonce ([0-9a-f]{32})$/.exec(await page.locator(".command code").innerText())![1]!;
    const honest = await verifyWith(program("verify"), at("honest.tsb"), at("policy.json"), nonce);
    expect(honest.exit).toBe(0);
    expect(await said()).toEqual(Object.values(honest.report.verdicts));
    const look = async (name: string) => {
      if (process.env.TRACKSEAL_SHOTS) await page.locator("section", { has: page.locator("#evidence-title") }).screenshot({ path: `${process.env.TRACKSEAL_SHOTS}/stack-evidence-${name}.png` });
    };
    await look("pass");

    raw[raw.length - 60]! ^= 1; // within the last message
    await writeFile(at("changed.tsb"), raw);
    const changed = await verifyWith(program("verify"), at("changed.tsb"), at("policy.json"), nonce);
    expect(changed.exit).toBe(1);
    await page.getByRole("button", { name: "From a file" }).click();
    await page.setInputFiles("#evidence-file", at("changed.tsb"));
    await page.getByLabel("Nonce").fill(nonce);
    await page.getByRole("button", { name: "Verify the file" }).click();
    await title.waitFor({ timeout: 60_000 });
    expect(await title.innerText()).toMatch(/^Not passed: .*failed$/);
    expect(await said()).toEqual(Object.values(changed.report.verdicts));
    expect(await codes()).toBe(worstFirst(changed.report.findings).map((f) => f.code).join());
    await look("fail");
    expect(complaints).toEqual([]);
    await context.close();
    await rm(files, { recursive: true });
  }, 400_000);
});

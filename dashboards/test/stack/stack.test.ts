import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Compliance, List, Shipment } from "../../src/api/shapes";
import { browserMissing, launch, open } from "../browser/chromium";

// A running stack, as `network` made it. Needs shipments with readings: a fleet that runs, or ran.
const dir = process.env.TRACKSEAL_STACK;
if (!dir) {
  const line = "dashboards: TRACKSEAL_STACK is not set, the tests against a real stack are skipped";
  if (process.env.TRACKSEAL_REQUIRE === "1") throw new Error(line);
  console.warn(line);
}

describe.skipIf(!dir || browserMissing())("in Chromium, against a real stack", () => {
  let browser: Browser;
  let url: string;
  let client: string;
  let secret: string;
  let shipment: Shipment | undefined;

  beforeAll(async () => {
    const stack = JSON.parse(await readFile(join(dir!, "stack.json"), "utf8")) as {
      api: Record<string, { url: string; secrets_file?: string }>;
    };
    const api = stack.api.carrier!;
    url = api.url;
    client = "carrier-viewer";
    const file = api.secrets_file ?? join(dir!, "api-carrier", "clients-secrets.json");
    secret = (JSON.parse(await readFile(file, "utf8")) as Record<string, string>)[client]!;
    const token = await post(`${url}/oauth2/token`, { grant_type: "client_credentials", client_id: client, client_secret: secret });
    const list = await get<List<Shipment>>(`${url}/v1/shipments?limit=100`, token.access_token);
    shipment = list.items.filter((s) => (s.messages ?? 0) > 0).sort((a, b) => (b.messages ?? 0) - (a.messages ?? 0))[0];
    if (shipment) {
      const judged = await get<Compliance>(`${url}/v1/shipments/${shipment.id}/compliance`, token.access_token);
      expect(judged.rule_set?.rules?.length).toBeGreaterThan(0);
    }
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
  });

  test("signs in, opens a shipment, sees its readings and checks it against the ledger", async () => {
    expect(shipment, "the stack has no shipment with messages").toBeDefined();
    const { page, context, complaints } = await open(browser, url);
    const look = async (name: string) => {
      if (process.env.TRACKSEAL_SHOTS) await page.screenshot({ path: `${process.env.TRACKSEAL_SHOTS}/stack-${name}.png`, fullPage: true });
    };
    await page.goto(url);
    await page.getByLabel("Client id").fill(client);
    await page.getByLabel("Client secret").fill(secret);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator(".list tbody tr").first().waitFor();
    await page.locator(".strip .mark").waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
    await look("list");

    await page.goto(`${url}/#/shipments/${encodeURIComponent(shipment!.id)}`);
    await page.getByRole("heading", { level: 1, name: shipment!.id }).waitFor();
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
    expect(complaints).toEqual([]);
    await context.close();
  });
});

async function post(url: string, form: Record<string, string>): Promise<{ access_token: string }> {
  const answer = await fetch(url, { method: "POST", body: new URLSearchParams(form) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as { access_token: string };
}

async function get<T>(url: string, token: string): Promise<T> {
  const answer = await fetch(url, { headers: { Authorization: `Bearer ${token}` } });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as T;
}

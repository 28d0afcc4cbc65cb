import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Browser, Page } from "playwright-core";
import { obstacles } from "./axe";
import { browserMissing, launch, open, type Watched } from "./chromium";
import * as fixtures from "./fixtures";
import { inkIn } from "./ink";
import { MockApi } from "./mock";

describe.skipIf(browserMissing())("in Chromium, against a mock api", () => {
  let browser: Browser;
  let api: MockApi;
  let watched: Watched | undefined;

  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
  });
  beforeEach(async () => {
    api = new MockApi();
    await api.start();
  });
  afterEach(async () => {
    await watched?.context.close();
    watched = undefined;
    await api.stop();
  });

  async function visit(options: Parameters<typeof open>[2] = {}): Promise<Page> {
    watched = await open(browser, api.url, { now: fixtures.now, ...options });
    return watched.page;
  }

  async function signedIn(options: Parameters<typeof open>[2] = {}): Promise<Page> {
    const page = await visit(options);
    await page.goto(`${api.url}/#client=${api.client}&secret=${api.secret}`);
    await page.getByRole("heading", { name: "Shipments" }).waitFor();
    return page;
  }

  async function openShipment(page: Page, id = "VAX-2026-0117"): Promise<void> {
    await page.getByRole("link", { name: id }).click();
    await page.getByRole("heading", { level: 1, name: id }).waitFor();
  }

  test("signs in by form, and says so when the secret is wrong", async () => {
    const page = await visit();
    await page.goto(api.url);
    await page.getByLabel("Client id").fill(api.client);
    await page.getByLabel("Client secret").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByText("Client ID or secret is wrong").waitFor();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("secret");
    await page.getByLabel("Client secret").fill(api.secret);
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "INS-4410" }).waitFor();
    // Chromium itself reports the 401 of the first try; nothing else may complain.
    expect(watched!.complaints.filter((c) => !c.includes("401"))).toEqual([]);
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
    expect(kept).not.toContain(api.secret);
    expect(await page.evaluate(() => Object.keys(localStorage).join())).not.toContain("session");
  });

  test("signs in from the fragment and clears it", async () => {
    const page = await signedIn();
    expect(page.url()).not.toContain("secret");
    await page.reload();
    await page.getByRole("link", { name: "INS-4410" }).waitFor();
    await page.goBack().catch(() => null);
    expect(page.url()).not.toContain("secret");
  });

  test("signs a person in at the provider, back to where they were, and keeps nothing but the token", async () => {
    api.provider = true;
    const page = await visit();
    await page.goto(`${api.url}/#/shipments/VAX-2026-0117`);
    const go = page.getByRole("button", { name: /^Sign in at 127\.0\.0\.1/ });
    await go.waitFor();
    expect(await obstacles(page)).toEqual([]);
    await go.click();
    await page.getByRole("heading", { level: 1, name: "VAX-2026-0117" }).waitFor();
    await page.getByRole("button", { name: "Settings and account of Mia Berg" }).waitFor();
    expect(page.url()).toBe(`${api.url}/#/shipments/VAX-2026-0117`);
    expect(await page.evaluate(() => [Object.keys(sessionStorage), localStorage.getItem("trackseal.sign-in"), document.cookie])).toEqual([["trackseal.session"], null, ""]);
    expect(watched!.complaints).toEqual([]);
    // The code in the history is worth nothing: neither a reload nor the way back begins anything.
    await page.reload();
    await page.getByRole("button", { name: "Settings and account of Mia Berg" }).waitFor();
    expect(api.seen.filter((line) => line.startsWith("POST /v1/sign-in/token"))).toHaveLength(1);
  });

  test("takes no sign-in that another tab began", async () => {
    api.provider = true;
    const page = await visit();
    await page.goto(`${api.url}/?code=c0de&state=somebody-elses`);
    await page.getByText("This sign-in was not begun in this tab").waitFor();
    expect(page.url()).not.toContain("c0de");
    expect(api.seen.some((line) => line.startsWith("POST"))).toBe(false);
  });

  test("ends the session when the server no longer takes the token", async () => {
    const page = await signedIn();
    api.tokenValid = false;
    await page.goto(`${api.url}/#/shipments?state=in_transit`); // a click may find the page gone: polling ends it as well
    await page.getByText("Your session has ended.").waitFor();
    expect(await page.evaluate(() => ({ ...sessionStorage }))).toEqual({});
  });

  test("shows hundreds of shipments page by page, and keeps all of them live", async () => {
    const number = (n: number) => `Z-${String(n).padStart(3, "0")}`;
    api.shipments = [...api.shipments, ...Array.from({ length: 494 }, (_, n) => ({ ...api.shipments.at(-1)!, id: number(n) }))];
    const page = await signedIn();
    const rows = page.locator(".list tbody tr");
    for (let n = 50; n < 500; n += 50) {
      await expect.poll(() => rows.count()).toBe(n);
      await page.getByRole("button", { name: "Show more" }).click();
    }
    await expect.poll(() => rows.count()).toBe(500);
    expect(await page.getByRole("button", { name: "Show more" }).count()).toBe(0);
    api.shipments = api.shipments.map((s) => (s.id === number(480) ? { ...s, state: "closed" as const } : s));
    api.emit("shipment", { id: number(480) });
    await expect.poll(() => rows.filter({ hasText: number(480) }).innerText()).toContain("Closed");
    api.fail.set("/v1/shipments", 503);
    api.emit("shipment", { id: number(480) });
    await page.getByText("You are looking at older data.").waitFor();
    expect(await rows.count()).toBe(500);
  });

  test("lists shipments and filters by state", async () => {
    const page = await signedIn();
    await expect.poll(() => page.locator(".list tbody tr").count()).toBe(6);
    const row = page.locator(".list tbody tr", { hasText: "VAX-2026-0117" });
    expect(await row.innerText()).toMatch(/In transit[\s\S]*Not compliant[\s\S]*consignee[\s\S]*4\.3\s°C/);
    await page.getByRole("link", { name: "Closed" }).click();
    await expect.poll(() => page.locator(".list tbody tr").allInnerTexts()).toHaveLength(1);
    expect(api.seen).toContain("GET /v1/shipments?state=closed&limit=50");
  });

  test("shows a shipment with its chart, limits, gap and story", async () => {
    const page = await signedIn();
    await openShipment(page);
    await page.getByText("shock of 312.6 m/s² on trk-0041").waitFor();
    const chart = page.getByRole("img", { name: /^Temperature from/ });
    await chart.waitFor();
    expect(await chart.getAttribute("aria-label")).toMatch(/1 gap, 1 excursion/);
    expect(await page.locator(".plot canvas").count()).toBe(3);
    const ink = await inkIn(page, ".plot-temperature canvas", ["--series-1", "--bad"]);
    expect(ink[0], "line").toBeGreaterThan(300);
    expect(ink[1], "limits").toBeGreaterThan(100);
    expect(api.seen.find((r) => r.includes("/telemetry"))).toContain("every=2m");
    await page.locator(".plot-temperature .u-over").hover({ position: { x: 300, y: 80 } });
    await expect.poll(() => page.locator(".plot-temperature .tooltip").innerText()).toMatch(/UTC[\s\S]*trk-0041[\s\S]*°C/);
    await page.getByText("Handed over").first().waitFor();
    await page.getByText("Loaded at dock 4, seals intact").waitFor();
    const withdrawn = page.locator(".timeline li", { hasText: "Handover withdrawn" });
    expect(await withdrawn.innerText()).toMatch(/carrier to consignee\s+The dock is closed/);
    expect(await page.getByText(/^Handover proposed/).count()).toBe(1);
    expect(await page.getByText("ongoing").count()).toBe(1);
    expect(watched!.complaints).toEqual([]);
  });

  test("zooms by dragging and asks for finer data", async () => {
    const page = await signedIn();
    await openShipment(page);
    const over = page.locator(".plot-temperature .u-over");
    await over.scrollIntoViewIfNeeded();
    const box = (await over.boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.3, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.37, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await page.getByRole("button", { name: "Reset zoom" }).waitFor();
    await expect.poll(() => api.seen.filter((r) => r.includes("/telemetry")).at(-1)).not.toContain("every=");
    await page.getByRole("button", { name: "Reset zoom" }).click();
    await expect.poll(() => page.getByRole("button", { name: "Reset zoom" }).count()).toBe(0);
  });

  test("draws nothing over unknown time, when trackers stop and start at different moments", async () => {
    const page = await signedIn();
    await openShipment(page);
    const over = page.locator(".plot-temperature .u-over");
    await over.scrollIntoViewIfNeeded();
    const box = (await over.boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.55, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.63, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await expect.poll(() => api.seen.filter((r) => r.includes("/telemetry")).at(-1)).not.toContain("every="); // single readings
    const lines = ["--series-1", "--series-2"];
    await expect.poll(async () => (await inkIn(page, ".plot-temperature canvas", lines, 0.72)).every((n) => n > 50)).toBe(true);
    await expect.poll(() => inkIn(page, ".plot-temperature canvas", lines, 0.35, 0.6)).toEqual([0, 0]);
    if (process.env.TRACKSEAL_SHOTS) await page.locator(".charts").screenshot({ path: `${process.env.TRACKSEAL_SHOTS}/gap.png` });
  });

  test("has the same data as a table, in either unit and zone", async () => {
    const page = await signedIn();
    await openShipment(page);
    await page.getByRole("button", { name: "6h" }).click();
    await page.getByRole("button", { name: "Table" }).click();
    const table = page.getByRole("region", { name: "Readings as a table" });
    await table.getByText("°C").waitFor();
    expect(await table.locator("tbody tr").count()).toBeGreaterThan(100);
    await page.getByRole("button", { name: /Settings and account/ }).click();
    await page.getByRole("button", { name: "°F" }).click();
    await page.getByRole("button", { name: "UTC" }).click();
    await page.keyboard.press("Escape");
    await table.getByText("°F").waitFor();
    expect(await table.locator("tbody tr").first().innerText()).toContain("09:5");
    const shown = await table.locator("time").first().getAttribute("title");
    expect(shown).toMatch(/UTC$/);
  });

  test("checks against the ledger and shows every check by itself", async () => {
    const page = await signedIn();
    await openShipment(page);
    await page.getByRole("button", { name: "Check against the ledger" }).click();
    await page.getByText("10 checks ran, none failed").waitFor();
    expect(await page.locator(".check").count()).toBe(10);
    await page.getByText("22 newest messages wait for the next anchor").waitFor();
    expect(await page.locator(".peers .mark").allInnerTexts()).toEqual(["carrier", "shipper", "consignee", "Veritas Audit"]);
  });

  test("names the message that was tampered with", async () => {
    api.verification = fixtures.tampered;
    const page = await signedIn();
    await openShipment(page);
    await page.getByRole("button", { name: "Check against the ledger" }).click();
    await page.getByText("1 of 10 checks failed, 1 finding").waitFor();
    const failed = page.locator(".check.failed");
    expect(await failed.count()).toBe(1);
    const text = await failed.innerText();
    expect(text).toContain("Stored values");
    expect(text).toContain("the signed message says 10.31");
    expect(text).toContain("trk-0041");
    expect(await failed.getByTitle(fixtures.editedMessage).count()).toBe(1);
    await page.getByText("shipper disagrees").waitFor();
  });

  test("does not turn a server's plain no into a yes", async () => {
    api.verification = { ...fixtures.verified, ok: false };
    const page = await signedIn();
    await openShipment(page);
    await page.getByRole("button", { name: "Check against the ledger" }).click();
    await page.getByText("The server does not vouch for this shipment").waitFor();
  });

  test("says what failed and recovers by Retry", async () => {
    api.fail.set("/telemetry", 503);
    const page = await signedIn();
    await openShipment(page);
    await page.getByText("The telemetry store is unavailable").waitFor();
    await page.getByText("Not compliant").first().waitFor(); // the rest of the page still works
    api.fail.clear();
    await page.getByRole("button", { name: "Retry" }).click();
    await page.locator(".plot canvas").first().waitFor();
  });

  test("keeps a failed verification apart from a failed check", async () => {
    api.fail.set("/verification", 503);
    const page = await signedIn();
    await openShipment(page);
    await page.getByRole("button", { name: "Check against the ledger" }).click();
    await page.getByText("The telemetry store is unavailable").waitFor();
    expect(await page.locator(".check").count()).toBe(0);
  });

  test("has words for nothing: no shipments, no readings, no such shipment, no such page", async () => {
    const page = await signedIn();
    await openShipment(page, "NEW-1");
    await page.getByText("No readings in this window").waitFor();
    await page.getByText("Assign a tracker to see readings.").waitFor();
    await page.getByText("Inconclusive").first().waitFor();
    await page.goto(`${api.url}/#/shipments/${encodeURIComponent("<img src=x onerror=alert(1)>")}`);
    await page.getByText("There is no shipment <img").waitFor();
    await page.goto(`${api.url}/#/nowhere`);
    await page.getByText("There is no such page").waitFor();
    api.shipments = [];
    await page.goto(`${api.url}/#/shipments`);
    await page.getByText("No shipments yet").waitFor();
  });

  test("updates by itself, and says when it cannot", async () => {
    const page = await signedIn();
    await page.getByText("Live", { exact: true }).waitFor();
    api.shipments = api.shipments.map((s) => (s.id === "NEW-1" ? { ...s, state: "in_transit" as const } : s));
    api.emit("shipment", { id: "NEW-1" });
    const row = page.locator(".list tbody tr", { hasText: "NEW-1" });
    await expect.poll(() => row.innerText()).toContain("In transit");
    api.cutStreams();
    await page.getByText("Reconnecting").waitFor();
    // What happened during the break is not told by an event.
    api.shipments = api.shipments.map((s) => (s.id === "NEW-1" ? { ...s, state: "delivered" as const } : s));
    await page.getByText("Live", { exact: true }).waitFor();
    expect(api.openStreams).toBe(1);
    await expect.poll(() => row.innerText()).toContain("Delivered");
    await openShipment(page);
    await page.locator(".plot canvas").first().waitFor();
    const before = api.seen.filter((r) => r.includes("/telemetry")).length;
    await page.locator(".plot-temperature .u-over").hover({ position: { x: 300, y: 80 } });
    const tooltip = page.locator(".plot-temperature .tooltip");
    await tooltip.waitFor();
    const told = await tooltip.innerText();
    await page.locator(".plot-temperature canvas").evaluate((canvas) => canvas.setAttribute("data-old", "yes"));
    api.emit("reading", { shipment: "VAX-2026-0117" });
    await expect.poll(() => api.seen.filter((r) => r.includes("/telemetry")).length).toBeGreaterThan(before);
    await expect.poll(() => page.locator(".plot canvas[data-old]").count()).toBe(0);
    expect(await tooltip.innerText()).toBe(told);
    expect(api.openStreams).toBe(1);
  });

  test("shows the network, and its troubles by name", async () => {
    api.network = fixtures.networkInTrouble;
    const page = await signedIn();
    await page.getByText("2 problems in the network").waitFor();
    await page.getByRole("link", { name: "Network", exact: true }).click();
    await page.getByText("Peer of shipper does not answer").waitFor();
    await page.getByText("23 blocks behind", { exact: true }).waitFor();
    await page.getByRole("region", { name: "Anchors as a table" }).waitFor();
  });

  test("never shows as fine, or as zero, what cannot be asked or has stopped", async () => {
    const reason = "anchors: journal and ledger disagree; run `ingest recover`";
    const [ingest] = fixtures.network.ingest;
    api.network = { ...fixtures.network, ok: false, ingest: [{ ...ingest!, ok: false, error: reason }, { id: "carrier.ingest-2", ok: false, error: "the instance cannot be asked" }], influx: { ok: false, error: "no" }, unknown: ["influx", "carrier.ingest-2"] };
    const [first] = api.shipments;
    api.shipments = [{ ...first!, id: "AWAY-1", verdict: "none", messages: 0, last: null, unknown: ["verdict", "last", "messages"] }];
    const page = await signedIn();
    await page.getByText("3 problems in the network").waitFor();
    const row = page.locator(".list tbody tr", { hasText: "AWAY-1" });
    await expect.poll(() => row.getByText("Cannot be asked now").count()).toBe(3);
    await page.getByRole("link", { name: "Network", exact: true }).click();
    await page.getByText(`Ingest carrier.ingest-1 is not ready: ${reason}`).waitFor();
    await page.getByText("Not ready", { exact: true }).waitFor();
    await page.getByText("Cannot be asked", { exact: true }).waitFor();
    await page.getByText("InfluxDB cannot be asked").waitFor();
    if (process.env.TRACKSEAL_PICTURES) await page.screenshot({ path: `${process.env.TRACKSEAL_PICTURES}/network.png`, fullPage: true });
  });

  test("can be used with the keyboard alone", async () => {
    const page = await signedIn();
    await page.getByRole("link", { name: "VAX-2026-0117" }).waitFor(); // the heading stands before the list has come
    await page.keyboard.press("Tab");
    expect(await focused(page)).toBe("Skip to content");
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("main");
    for (let i = 0; i < 12 && (await focused(page)) !== "VAX-2026-0117"; i++) await page.keyboard.press("Tab");
    expect(await focused(page)).toBe("VAX-2026-0117");
    await page.keyboard.press("Enter");
    await page.locator(".plot canvas").first().waitFor();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("main");
    for (let i = 0; i < 30 && (await focused(page)) !== "Table"; i++) await page.keyboard.press("Tab");
    const ring = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle);
    expect(ring).toBe("solid");
    await page.keyboard.press("Space");
    await page.getByRole("region", { name: "Readings as a table" }).waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe("Readings as a table");
  });

  for (const dark of [false, true]) {
    for (const width of [390, 768, 1280]) {
      test(`fits ${width} px, ${dark ? "dark" : "light"}, without an obstacle`, async () => {
        api.verification = fixtures.tampered;
        const page = await visit({ dark, width, height: 844 });
        const look = async (name: string) => {
          expect(await page.evaluate(() => document.documentElement.scrollWidth), `${name} scrolls sideways`).toBeLessThanOrEqual(width);
          expect(await obstacles(page), name).toEqual([]);
          if (process.env.TRACKSEAL_SHOTS) {
            await page.screenshot({ path: `${process.env.TRACKSEAL_SHOTS}/${name}-${width}-${dark ? "dark" : "light"}.png`, fullPage: true });
          }
        };
        await page.goto(api.url);
        await page.getByLabel("Client id").waitFor();
        await look("signin");
        await page.getByLabel("Client id").fill(api.client);
        await page.getByLabel("Client secret").fill(api.secret);
        await page.getByRole("button", { name: "Sign in" }).click();
        await page.getByRole("link", { name: "INS-4410" }).waitFor();
        await page.getByText("Network healthy").waitFor();
        await look("list");
        await openShipment(page);
        await page.locator(".plot canvas").first().waitFor();
        await page.getByText("Loaded at dock 4").waitFor();
        await page.getByRole("button", { name: "Check against the ledger" }).click();
        await page.locator(".check.failed").waitFor();
        await look("shipment");
        await page.getByRole("button", { name: "Table" }).click();
        await look("table");
        await page.getByRole("link", { name: "Network", exact: true }).click();
        await page.getByRole("region", { name: "Anchors as a table" }).waitFor();
        await look("network");
        await page.getByRole("button", { name: /Settings and account/ }).click();
        await look("settings");
        expect(watched!.complaints).toEqual([]);
      });
    }
  }
});

function focused(page: Page): Promise<string> {
  return page.evaluate(() => (document.activeElement as HTMLElement | null)?.innerText?.trim() ?? "");
}

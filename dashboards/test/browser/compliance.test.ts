import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Browser, Page } from "playwright-core";
import { obstacles } from "./axe";
import { browserMissing, launch, open, type Watched } from "./chromium";
import * as fixtures from "./fixtures";
import { alarmsAt, healthAt } from "./fixtures-health";
import { heard, rejected } from "./fixtures-refused";
import { iso } from "./made-up";
import { MockApi } from "./mock";

const id = "VAX-2026-0117";

describe.skipIf(browserMissing())("what the rules say, in Chromium", () => {
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

  async function shipment(options: Parameters<typeof open>[2] = {}): Promise<Page> {
    watched = await open(browser, api.url, { now: fixtures.now, ...options });
    const page = watched.page;
    await page.goto(`${api.url}/#client=${api.client}&secret=${api.secret}`);
    await page.getByRole("link", { name: id }).click();
    await page.getByRole("region", { name: "Rules" }).locator("li").first().waitFor();
    return page;
  }

  const plain = (text: string) => text.replace(/[\u00a0\u202f\s]+/g, " ");
  const textOf = async (page: Page, region: string) => plain(await page.getByRole("region", { name: region, exact: true }).innerText());

  test("each rule has its state in a word, what it asks, and where the time went", async () => {
    const page = await shipment();
    const rows = (await page.locator(".judged-rules > li").allInnerTexts()).map(plain);
    expect(rows).toHaveLength(8);
    expect(await page.getByText("times added up over 2 trackers").count()).toBe(2);
    expect(rows[0]).toMatch(/^Broken Temperature must not be above 8 °C for 10 min in a row warm · Too warm · Major · 1 excursion 57 min above 8 °C, peak 10.34 °C 94.1 % in range 57 min out · 1 h 24 min unknown$/);
    expect(rows[1]).toMatch(/^Met Temperature must not be below 2 °C .*never out · 1 h 24 min unknown$/);
    expect(rows[2]).toMatch(/^Unknown Temperature must stay above −0.5 °C at any moment/);
    expect(rows[5]).toContain("Temperature must stay at 2 to 8 °C, except for at most 12 h in total and 6 h at a time at 8 to 25 °C; at most 1 h in total at 25 to 40 °C");
    expect(rows[7]).toMatch(/^Not judged No opening, as told by the door, if it is measured/);
    await page.getByRole("button", { name: /Settings and account/ }).click();
    await page.getByRole("button", { name: "°F" }).click();
    expect(plain(await page.locator(".judged-text").first().innerText())).toContain("46.4 °F");
    expect(plain(await page.locator(".judged-rules > li").first().innerText())).toContain("57 min above 46.4 °F, peak 50.61 °F");
    expect(watched!.complaints).toEqual([]);
  });

  test("an excursion says who held the goods, who vouches for it and who signed it", async () => {
    const page = await shipment();
    const rows = (await page.locator(".excursions > li").allInnerTexts()).map(plain);
    expect(rows).toHaveLength(4);
    expect(rows[0]).toMatch(/^Major Shock drop Verified by all peers .*one reading.*312.6 m\/s² .*245 m\/s² .*Held by carrier/);
    expect(rows[1]).toMatch(/^Minor Humidity humid Start .*ongoing .*On the ledger not yet$/);
    expect(rows[2]).toMatch(/57 min .*Doors open at the Brenner hub, driver informed Reviewed: Ana Silva of carrier, /);
    expect(rows[3]).toContain("Temperature cold");
    await page.getByText("On the ledger, but no longer found in the readings").waitFor();
    await page.getByText("1 stay out of range that the rules allow, 6 min in all").click();
    expect((await page.locator(".allowed-stays > li").allInnerTexts()).map(plain)).toEqual([expect.stringMatching(/^Temperature warm Start .*6 min.*8.4 °C.*8 °C/)]);
    // A client that may only read is offered nothing to sign.
    expect(await page.getByRole("button", { name: /Acknowledge|Decide/ }).count()).toBe(0);
  });

  test("legs, budget, figures, recorders and the decision are there in words", async () => {
    const page = await shipment();
    const legs = await textOf(page, "Who held the goods when");
    expect(legs).toMatch(/shipper .*No excursion Nothing was measured No verdict on the ledger yet; no excursion/);
    expect(legs).toMatch(/carrier .*3 excursions, worst major Humid, Warm, Drop|3 excursions, worst major Warm, Humid, Drop/);
    expect(legs).toContain("Not compliant, revision 2; 3 excursions, 1 still open; 1 verified breach");
    expect(legs).toContain("Budget room: 1 h 7 min of 12 h spent");
    expect(legs).toContain("until now");
    const figures = await textOf(page, "Budget, figures and recorders");
    expect(figures).toContain("Room Enough left 1 h 7 min of 12 h spent · longest stay 57 min of 6 h · 10 min carried over from before this shipment");
    expect(figures).toContain("Hot Critical 42 min of 1 h spent · 42 min charged for unknown time");
    expect(figures).toMatch(/Mean kinetic temperature trk-0041 · mkt 5.2 °C/);
    expect(figures).toContain("trk-0042 Not adequate no calibration on the ledger covers the whole trip");
    const decision = await textOf(page, "Decision on the goods");
    expect(decision).toMatch(/Quarantined .*Responsible: Jonas Weber of carrier.*Based on the verdict of carrier, revision 1 \(compliant\) Revision 2 is newer/);
  });

  test("leaves out what the api does not tell", async () => {
    const excursions = fixtures.compliance.excursions.map((e) => ({ ...e, end: null, held_by: null, ledger_tx: null }));
    api.compliance = { ...fixtures.compliance, excursions, rules: [], figures: [], budget: [], recorders: [], legs: [], trackers: [], recorded: [], revisions: [], metrics: {}, disposition: null };
    watched = await open(browser, api.url, { now: fixtures.now });
    const page = watched.page;
    await page.goto(`${api.url}/#client=${api.client}&secret=${api.secret}`);
    await page.getByRole("link", { name: id }).click();
    await page.locator(".excursions > li").first().waitFor();
    for (const name of ["Rules", "Budget, figures and recorders", "Who held the goods when", "Quality of the readings"]) {
      expect(await page.getByRole("region", { name, exact: true }).count(), name).toBe(0);
    }
    expect(await page.locator(".excursions").innerText()).not.toMatch(/undefined|NaN|Held by/);
    expect(watched.complaints).toEqual([]);
  });

  test("saves the report in each form, and says why when it cannot", async () => {
    const page = await shipment();
    for (const format of ["PDF", "XLSX", "CSV"]) {
      const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: format, exact: true }).click()]);
      expect(file.suggestedFilename()).toBe(`${id}.${format.toLowerCase()}`);
      expect(await readFile(await file.path(), "utf8")).toBe(`a report as ${format.toLowerCase()}`);
    }
    api.fail.set("/report", 503);
    await page.getByRole("button", { name: "PDF", exact: true }).click();
    await page.getByText("The telemetry store is unavailable").waitFor();
    api.fail.clear();
    await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Retry" }).click()]);
    await expect.poll(() => page.getByText("The telemetry store is unavailable").count()).toBe(0);
  });

  test("signs an excursion with the keyboard; what is wrong is said at the field", async () => {
    api.scope += " shipments:write";
    const page = await shipment();
    const warm = page.locator(".excursions > li").nth(2);
    await warm.getByRole("button", { name: "Acknowledge" }).focus();
    await page.keyboard.press("Enter");
    const form = warm.getByRole("form");
    await form.getByRole("button", { name: "Sign the acknowledgement" }).press("Enter");
    await form.getByText("Enter a reason").waitFor();
    expect(api.written).toEqual([]);
    expect(await form.getByLabel("Reason").evaluate((e) => e === document.activeElement)).toBe(true);
    await form.getByLabel("Meaning").selectOption("approved");
    await form.getByLabel("Reason").fill("Within the stability data");
    api.refuse = { status: 422, code: "invalid_request", detail: "the request is not valid", errors: [{ field: "body.reason", detail: "is too short" }] };
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await form.getByText("is too short").waitFor();
    expect(await form.getByLabel("Reason").getAttribute("aria-invalid")).toBe("true");
    expect(await obstacles(page)).toEqual([]);
    api.refuse = { status: 503, code: "ledger_unavailable", detail: "no peer answers" };
    await form.getByRole("button", { name: "Sign the acknowledgement" }).click();
    await form.getByText("The ledger is unavailable: no peer answers").waitFor();
    await form.getByRole("button", { name: "Sign the acknowledgement" }).click();
    await warm.getByText("Approved: Mia Berg of carrier").waitFor();
    expect(api.written).toHaveLength(3);
    const [refused, unsure, done] = api.written;
    expect(done!.path).toBe(`/v1/shipments/${id}/excursions/${encodeURIComponent(fixtures.compliance.excursions[0]!.id)}/acknowledgements`);
    expect(done!.body).toEqual({ meaning: "approved", reason: "Within the stability data" });
    expect(done!.key, "a try that may have had its effect is repeated with its key").toBe(unsure!.key);
    expect(unsure!.key).not.toBe(refused!.key);
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toContain("Acknowledge");
  });

  test("decides on the goods, on the verdict that was seen", async () => {
    api.scope += " shipments:write";
    const page = await shipment();
    const card = page.getByRole("region", { name: "Decision on the goods" });
    await card.getByRole("button", { name: "Decide again" }).click();
    await card.getByRole("button", { name: "Reject", exact: true }).click();
    await card.getByLabel("Reason").fill("Above 8 °C for too long");
    api.refuse = { status: 409, code: "conflict", detail: "verdict revision 3 is newer" };
    await card.getByRole("button", { name: "Sign: reject" }).click();
    await card.getByText("verdict revision 3 is newer").waitFor();
    await card.getByRole("button", { name: "Sign: reject" }).click();
    await card.getByText("Rejected", { exact: true }).waitFor();
    expect(api.written.at(-1)!.body).toEqual({ meaning: "reviewed", reason: "Above 8 °C for too long", decision: "reject", verdict_by: "carrier", verdict_revision: 2 });
    await card.getByText("Based on the verdict of carrier, revision 2").waitFor();
  });

  test("says which node keeps what is not here", async () => {
    const elsewhere = { ...fixtures.here("x"), here: false };
    const nobody = { ...fixtures.mia, name: "", subject: "", issuer: "", client: "" };
    api.compliance.disposition = { ...fixtures.disposition, reason: "", details: elsewhere, signature: fixtures.signature(nobody, "approved", fixtures.now) };
    const page = await shipment();
    await page.getByText("Kept by carrier's node, which does not answer").waitFor();
    await page.getByText("Approved: Somebody of carrier").waitFor();
  });

  test("decides on the verdict of the party that is chosen", async () => {
    api.scope += " shipments:write";
    api.compliance.revisions.push({ ...api.compliance.revisions.at(-1)!, by: "shipper", revision: 1, result: "compliant" });
    const page = await shipment();
    const card = page.getByRole("region", { name: "Decision on the goods" });
    await card.getByRole("button", { name: "Decide again" }).click();
    await card.getByRole("button", { name: "shipper", exact: true }).click();
    await card.getByLabel("Reason").fill("Seen by the shipper, too");
    await card.getByRole("button", { name: "Sign: quarantine" }).click();
    await card.getByText("Based on the verdict of shipper, revision 1").waitFor();
    expect(api.written.at(-1)!.body).toMatchObject({ verdict_by: "shipper", verdict_revision: 1 });
  });

  test("tells an organisation who named it, and lets it decline", async () => {
    api.shipments = api.shipments.map((s) => (s.id === id ? { ...s, may_decline: ["consignee"] } : s));
    const reader = await shipment();
    const named = (page: Page) => page.getByRole("region", { name: "Named as a party" });
    await named(reader).getByText("Named as consignee by shipper").waitFor();
    expect(await named(reader).getByRole("button").count(), "what a client that may only read is offered").toBe(0);
    await watched?.context.close();
    api.scope += " shipments:write";
    const page = await shipment();
    await named(page).getByRole("button", { name: "Decline" }).click();
    await named(page).getByRole("button", { name: "Cancel" }).click();
    await named(page).getByRole("button", { name: "Decline" }).click();
    api.refuse = { status: 409, code: "bad_state", detail: "a handover waits for its answer" };
    await named(page).getByRole("button", { name: "Decline for good" }).click();
    await named(page).getByText("a handover waits for its answer").waitFor();
    await named(page).getByRole("button", { name: "Decline for good" }).click();
    await page.getByRole("heading", { name: "Shipments" }).waitFor();
    await page.getByRole("link", { name: id }).waitFor({ state: "detached" });
    expect(api.written.map((w) => w.path)).toEqual(Array(2).fill(`/v1/shipments/${id}/decline`));
  });

  test("shows by itself what another organisation signs", async () => {
    const page = await shipment();
    // Once more when the stream is open; from then on only events lead to a look.
    await expect.poll(() => api.seen.filter((r) => r.endsWith("/compliance")).length).toBeGreaterThan(1);
    const told = fixtures.signature(fixtures.mia, "approved", fixtures.now);
    api.compliance.recorded[0]!.acknowledgements.push({ excursion: fixtures.compliance.excursions[0]!.id, n: 2, of: "", reason: "Within the stability data", details: fixtures.here("stability"), signature: told });
    api.emit("acknowledgement", { shipment: id });
    await page.locator(".excursions").getByText("Approved: Mia Berg of carrier").waitFor();
    api.compliance.disposition = { ...fixtures.disposition, revision: 2, decision: "reject", signature: told };
    api.emit("disposition", { shipment: id });
    await page.getByRole("region", { name: "Decision on the goods" }).getByText("Rejected", { exact: true }).waitFor();
  });

  test("counts odd readings of each tracker when asked", async () => {
    const page = await shipment();
    await page.getByRole("button", { name: "Count odd readings" }).click();
    await page.getByText("3 jumps, 1 outlier, 1 poor hour").waitFor();
    await page.getByText("96.5 % of the expected minutes have a reading").waitFor();
    await page.getByText("Another organisation's tracker").waitFor();
    expect(api.seen.find((r) => r.includes("trk-0041/quality"))).toContain("from=2026-11-21T14");
  });

  test("says what vouches for each tracker's messages", async () => {
    const page = await shipment();
    const quality = page.getByRole("region", { name: "Quality of the readings" });
    await quality.getByText("Signed by the device, whose key Acme Loggers GmbH attests").waitFor();
    await quality.getByText("Not signed, through gateway carrier.GATEWAY-3, read by thingsboard-gateway@1").waitFor();
  });

  test("tells of each tracker when it was heard and is due, and alarms at the top and in the list", async () => {
    api.health = healthAt(fixtures.now);
    api.alarms = alarmsAt(fixtures.now, id);
    const page = await shipment();
    const alarms = page.getByRole("alert", { name: "Alarms" });
    await alarms.getByText("trk-0042: nothing heard; it usually speaks every 10 minutes, since 42\u00a0min ago").waitFor();
    await alarms.getByText("trk-0042: battery at 14 %").waitFor();
    const now = page.getByRole("region", { name: "Trackers on it now" });
    await now.getByText("1 of 2 trackers silent").waitFor();
    const lines = (await now.getByRole("listitem").allInnerTexts()).map((t) => t.replaceAll("\u00a0", " "));
    for (const words of ["trk-0041", "Battery 64 %, 1.2 % less a day, some 53 days left", "Signal −82 dBm, usually −80 dBm", "Clock right, 1.7 s a day fast", "3 messages refused within a day", "humidity is not a number", "Heard", "due in 9 min as it promised"])
      expect(lines[0]).toContain(words);
    for (const words of ["trk-0042", "Battery 14 % (3.41 V)", "Clock 3 min ahead", "Silent", "last heard 42 min ago", "was due 32 min ago as usual"]) expect(lines[1]).toContain(words);
    expect(await obstacles(page)).toEqual([]);
    if (process.env.TRACKSEAL_SHOTS) await page.screenshot({ path: `${process.env.TRACKSEAL_SHOTS}/health.png`, fullPage: true });

    api.alarms = []; // it spoke again
    api.health = [api.health[0]!];
    api.emit("alarm", { kind: "tracker_silent", shipment: id, tracker: "trk-0042" });
    await alarms.waitFor({ state: "detached" });
    await now.getByText("All are heard").waitFor();

    api.alarms = alarmsAt(fixtures.now, id);
    await page.getByRole("link", { name: "Shipments" }).first().click();
    await page.getByRole("row", { name: id }).getByText("1 silent tracker, 1 low battery").waitFor();
    expect(await page.getByText("silent tracker").count()).toBe(1);
    api.alarms = [];
    api.emit("alarm", {});
    await page.getByText("silent tracker").waitFor({ state: "detached" });
  });

  test("says what was refused of a tracker lately, and whose values do not count", async () => {
    const page = await shipment();
    const quality = page.getByRole("region", { name: "Quality of the readings" });
    await quality.getByText("trk-0041").waitFor();
    expect(await quality.getByText("Last refused").count()).toBe(0);
    api.rejected = [rejected(fixtures.now - 120_000)];
    api.heard = [heard(fixtures.now - 60_000, ["late", "flawed"])];
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))); // as when somebody comes back to it
    await quality.getByText(/Last refused .*: malformed, humidity is not a number \(3 times\)/).waitFor();
    await quality.getByText(/In the message of .* some values did not count/).waitFor();
    expect(await quality.getByText(/^Clock /).count()).toBe(0);
    expect(await quality.getByText("Last refused").count()).toBe(1); // nothing is told of another organisation's tracker
    if (process.env.TRACKSEAL_SHOTS) await quality.screenshot({ path: `${process.env.TRACKSEAL_SHOTS}/refused.png` });
    api.rejected = [rejected(fixtures.now - 90_000_000)];
    api.heard = [{ ...heard(fixtures.now, ["clock_ahead"]), received_at: iso(fixtures.now - 180_000), undated: true }];
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))); // as when somebody comes back to it
    await quality.getByText("Last refused").waitFor({ state: "detached" });
    await quality.getByText(/^Clock 3\smin fast: its times do not count$/).waitFor();
    expect(await quality.getByText("some values did not count").count()).toBe(0);
  });

  for (const dark of [false, true]) {
    for (const width of [390, 768, 1280]) {
      test(`forms fit ${width} px, ${dark ? "dark" : "light"}, without an obstacle`, async () => {
        api.scope += " shipments:write";
        const page = await shipment({ dark, width, height: 844 });
        await page.locator(".plot canvas").first().waitFor();
        await page.getByRole("button", { name: "Count odd readings" }).click();
        await page.getByRole("button", { name: "Decide again" }).click();
        await page.locator(".excursions > li").first().getByRole("button", { name: "Acknowledge" }).click();
        await page.getByText("3 jumps").waitFor();
        const wide = await page.evaluate((w) => [...document.querySelectorAll("main *")].filter((e) => e.getBoundingClientRect().right > w && !e.closest(".scroll, .segments, .hidden")).map((e) => e.outerHTML.slice(0, 120)), width);
        expect(wide).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
        expect(await obstacles(page)).toEqual([]);
        if (process.env.TRACKSEAL_SHOTS) {
          await page.screenshot({ path: `${process.env.TRACKSEAL_SHOTS}/compliance-${width}-${dark ? "dark" : "light"}.png`, fullPage: true });
        }
      });
    }
  }
});

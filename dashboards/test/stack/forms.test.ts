import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Compliance } from "#rest";
import { obstacles } from "../browser/axe";
import { browserMissing, launch, open, type Watched } from "../browser/chromium";
import { patience } from "../browser/patience";
import { Member, replay, stackMissing, trip } from "./running";

describe.skipIf(stackMissing() || browserMissing())("signing on the page, against a real stack", () => {
  const id = `carrier.SIGN-${Date.now()}`;
  let browser: Browser;
  let files: string;
  let carrier: Member;
  let consignee: Member;

  beforeAll(async () => {
    [carrier, consignee] = [await Member.of("carrier", "admin"), await Member.of("consignee", "admin")];
    files = await mkdtemp(join(tmpdir(), "trackseal-signing-"));
    const csv = join(files, "trip.csv");
    await writeFile(csv, trip((n) => (n === 17 ? 30.2 : 4.5)));
    await replay(csv, id, "--state", join(files, "state"));
    browser = await launch();
  }, 200_000);
  afterAll(async () => {
    await browser?.close();
    if (files) await rm(files, { recursive: true });
  });

  async function visit(member: Member): Promise<Watched> {
    const watched = await open(browser, member.url);
    await watched.page.goto(member.link);
    await watched.page.getByRole("heading", { name: "Shipments" }).waitFor();
    await watched.page.goto(`${member.url}/#/shipments/${id}`);
    await watched.page.getByRole("heading", { level: 1, name: id }).waitFor();
    return watched;
  }

  // Who signs is the client that is signed in: a machine.
  async function sign(form: Locator, meaning: string, reason: string): Promise<void> {
    await form.getByLabel("Meaning").selectOption(meaning);
    await form.getByLabel("Reason").fill(reason);
    await form.getByRole("button", { name: /^Sign/ }).click();
  }

  const decisionOn = (page: Page) => page.getByRole("region", { name: "Decision on the goods" });
  const newestRevision = async (member: Member) => (await member.get<Compliance>(`/v1/shipments/${id}/compliance`)).revisions?.at(-1)?.revision ?? 0;
  const look = async (page: Page, name: string) => {
    if (process.env.TRACKSEAL_SHOTS) await page.screenshot({ path: `${process.env.TRACKSEAL_SHOTS}/stack-signing-${name}.png`, fullPage: true });
  };

  test("acknowledges an excursion and decides on the goods; both organisations read it, and the ledger's no is shown", async () => {
    const atCarrier = await visit(carrier);
    const page = atCarrier.page;
    const excursion = page.locator(".excursions > li").first();
    // The page follows the stream: the excursion gets its transaction, and with it the form, without a reload.
    await excursion.getByRole("button", { name: "Acknowledge" }).click();
    const form = excursion.getByRole("form");
    await form.getByRole("button", { name: "Sign the acknowledgement" }).click();
    await form.getByText("Enter a reason").waitFor();
    expect(await obstacles(page)).toEqual([]);
    await sign(form, "reviewed", "Door open while loading, probe next to it");
    await excursion.getByText("Reviewed: carrier-admin (machine) of Carrier").waitFor();
    await excursion.getByText("Door open while loading, probe next to it").waitFor();
    await expect.poll(() => form.count()).toBe(0);

    const decision = decisionOn(page);
    await expect.poll(() => newestRevision(carrier)).toBeGreaterThan(0);
    await decision.getByText("There is a verdict on the ledger").waitFor();
    await decision.getByRole("button", { name: "Decide" }).click();
    await decision.getByRole("button", { name: "Quarantine", exact: true }).click();
    await sign(decision.getByRole("form"), "responsibility", "Kept apart until quality has looked at it");
    await decision.getByText("Quarantined", { exact: true }).waitFor();
    await decision.getByText("Responsible: carrier-admin (machine) of Carrier").waitFor();
    await look(page, "carrier");

    // To release is not the carrier's: the ledger refuses, and what was written stays in the form.
    await decision.getByRole("button", { name: "Decide again" }).click();
    await decision.getByRole("button", { name: "Release", exact: true }).click();
    await sign(decision.getByRole("form"), "approved", "It was only the probe");
    const refused = decision.getByRole("alert");
    await refused.waitFor();
    expect(await refused.innerText()).toMatch(/release/i);
    expect(await decision.getByLabel("Reason").inputValue()).toBe("It was only the probe");
    await decision.getByRole("button", { name: "Cancel" }).click();
    await decision.getByText("Quarantined", { exact: true }).waitFor();

    const atConsignee = await visit(consignee);
    const other = atConsignee.page;
    await other.locator(".excursions > li").first().getByText("Reviewed: carrier-admin (machine) of Carrier").waitFor();
    await decisionOn(other).getByText("Quarantined", { exact: true }).waitFor();

    // The goods arrive while both pages are open.
    await carrier.post(`/v1/shipments/${id}/handovers`, { to: "consignee", note: "Dock 7" });
    await other.locator(".timeline li", { hasText: "Handover proposed" }).getByText("Dock 7").waitFor();
    await consignee.post(`/v1/shipments/${id}/handovers/current/accept`);
    await consignee.post(`/v1/shipments/${id}/deliver`);
    for (const at of [page, other]) {
      await at.locator(".timeline li", { hasText: "Handed over" }).getByText("Dock 7").waitFor();
      await at.locator(".shipment-head").getByText("Delivered").waitFor();
    }

    const released = decisionOn(other).getByText("Released", { exact: true });
    await expect
      .poll(
        async () => {
          // A verdict that is written between looking and signing makes the ledger refuse: look again, sign again.
          const form = decisionOn(other).getByRole("form");
          if (await form.count()) await form.getByRole("button", { name: "Cancel" }).click();
          await decisionOn(other).getByRole("button", { name: "Decide again" }).click();
          await decisionOn(other).getByRole("button", { name: "Release", exact: true }).click();
          await sign(form, "approved", "The goods are unharmed");
          await released.or(decisionOn(other).getByRole("alert")).first().waitFor();
          return released.count();
        },
        { timeout: 2 * patience },
      )
      .toBe(1);
    await decisionOn(other).getByText(/Based on the verdict of \w+, revision \d+ \(not compliant\)/).waitFor();
    await look(other, "consignee");

    // Chromium itself reports the refused requests; nothing else may complain.
    const complaints = [...atCarrier.complaints, ...atConsignee.complaints];
    expect(complaints.filter((c) => !/the server responded with a status of (403|409|422)/.test(c))).toEqual([]);
    await Promise.all([atCarrier.context.close(), atConsignee.context.close()]);
  }, 480_000);
});

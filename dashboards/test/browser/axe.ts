import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// obstacles are problems that a person with a disability would meet, by WCAG 2.2 AA, in the page or a part of it.
export async function obstacles(page: Page, part = "html"): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async (part) => {
    const run = (globalThis as unknown as { axe: { run: (c: string, o: object) => Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> } }).axe;
    const result = await run.run(part, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return result.violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.html} ${n.failureSummary}`));
  }, part);
}

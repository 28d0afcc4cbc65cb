import { existsSync } from "node:fs";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { patience } from "./patience";

const candidates = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export const executable = candidates.find((path) => path && existsSync(path));

// without a browser, tests are skipped with one line, or fail when TRACKSEAL_REQUIRE=1.
export function browserMissing(): boolean {
  if (executable) return false;
  const line = "dashboards: no Chromium found, browser tests are skipped (set CHROMIUM=/path/to/chromium)";
  if (process.env.TRACKSEAL_REQUIRE === "1") throw new Error(line);
  console.warn(line);
  return true;
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: executable!,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

// Watched is a page whose every complaint is kept: console errors, refused resources, requests to other hosts.
export type Watched = { page: Page; context: BrowserContext; complaints: string[] };

export async function open(
  browser: Browser,
  origin: string,
  options: { width?: number; height?: number; dark?: boolean; now?: number } = {},
): Promise<Watched> {
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1280, height: options.height ?? 900 },
    colorScheme: options.dark ? "dark" : "light",
    timezoneId: "Europe/Berlin",
    locale: "en-GB",
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  if (options.now) await page.clock.setFixedTime(options.now);
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(origin)) complaints.push(`request to another host: ${request.url()}`);
  });
  return { page, context, complaints };
}

import { defineConfig } from "vitest/config";

// A busy machine is slow: what a page must come to show may take as long as Playwright's waits (patience in chromium.ts).
const patient = { poll: { timeout: 90_000 } };

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/*.test.ts"], environment: "node" } },
      {
        test: {
          name: "browser",
          include: ["test/browser/*.test.ts"],
          environment: "node",
          testTimeout: 300_000,
          expect: patient,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "stack",
          include: ["test/stack/*.test.ts"],
          environment: "node",
          fileParallelism: false,
          testTimeout: 300_000,
          expect: patient,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});

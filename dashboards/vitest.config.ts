import { defineConfig } from "vitest/config";

// A busy machine is slow: what a page must come to show may take as long as Playwright's own waits.
const patient = { poll: { timeout: 30_000 } };

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/*.test.ts"], environment: "node" } },
      {
        test: {
          name: "browser",
          include: ["test/browser/*.test.ts"],
          environment: "node",
          testTimeout: 120_000,
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
          testTimeout: 180_000,
          expect: patient,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});

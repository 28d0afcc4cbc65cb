import { defineConfig } from "vitest/config";
import { patience } from "./test/browser/patience";

const patient = { poll: { timeout: patience } };

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

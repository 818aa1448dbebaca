import { defineConfig } from "vitest/config";

/** The page in a real Chromium, against the real server and model. */
export default defineConfig({
  test: {
    name: "@x/demo page",
    include: ["test/page/**/*.test.ts"],
    globalSetup: ["test/global-setup.ts", "test/page/serve.ts"],
    // One server answers all, and tests look at what it does.
    fileParallelism: false,
    isolate: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    reporters: ["default", "json"],
    outputFile: { json: ".test-results/page.json" },
  },
});

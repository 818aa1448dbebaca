import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    name: "@x/rnn",
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["test/browser/**"],
    // Many tests compute; a busy machine must not fail them.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ["default", "json"],
    outputFile: { json: ".test-results/vitest.json" },
  },
});

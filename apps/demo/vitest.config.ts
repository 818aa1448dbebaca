import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    name: "@x/demo",
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["test/page/**"],
    globalSetup: ["test/global-setup.ts"],
    // Each of these tests starts the program, some on a busy machine.
    testTimeout: 120_000,
    reporters: ["default", "json"],
    outputFile: { json: ".test-results/vitest.json" },
  },
});

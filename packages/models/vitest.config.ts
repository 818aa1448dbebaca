import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    name: "@x/models",
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["test/browser/**"],
    globalSetup: ["test/support/global-setup.ts"],
    reporters: ["default", "json"],
    outputFile: { json: ".test-results/vitest.json" },
  },
});

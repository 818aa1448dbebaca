import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** The tests run the gpu.js that ships. */
const gpujs = fileURLToPath(new URL("dist/gpujs.js", import.meta.url));

// Chromium brings a Vulkan driver that needs no GPU: with it, the webgpu suites run in Node too.
const softwareDriver = "/usr/lib/chromium/vk_swiftshader_icd.json";
if (existsSync(softwareDriver)) process.env.VK_ADD_DRIVER_FILES ??= softwareDriver;

export default defineConfig({
  resolve: { alias: [{ find: /^gpu\.js$/, replacement: gpujs }] },
  test: {
    name: "@x/tensor",
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["test/browser/**", "test/isolated/**"],
    // Many tests compute; a busy machine must not fail them.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ["default", "json"],
    outputFile: { json: ".test-results/vitest.json" },
    server: { deps: { external: [gpujs] } },
  },
});

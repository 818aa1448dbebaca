import { playwright } from "@vitest/browser-playwright";
import { defineConfig, type ViteUserConfig } from "vitest/config";

/**
 * Runs a package's `test/browser` in a real Chromium, without a GPU.
 *
 * @param name - The package.
 */
export function browserTestConfig(name: string): ViteUserConfig {
  return defineConfig({
    test: {
      name: `${name} in Chromium`,
      include: ["test/browser/**/*.test.ts"],
      testTimeout: 120_000,
      reporters: ["default", "json"],
      outputFile: { json: ".test-results/browser.json" },
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({
          launchOptions: {
            executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
            args: [
              "--headless=new",
              "--no-sandbox",
              "--disable-quic",
              "--no-first-run",
              "--disable-background-networking",
              "--disable-component-update",
              "--disable-sync",
              // WebGPU, emulated on the processor.
              "--enable-unsafe-webgpu",
              "--use-webgpu-adapter=swiftshader",
            ],
          },
        }),
        instances: [{ browser: "chromium" }],
      },
    },
  });
}

import { playwright } from "@vitest/browser-playwright";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { chromiumOptions } from "./chromium-options.mjs";

type Plugin = NonNullable<ViteUserConfig["plugins"]>[number];

/** Makes every page cross-origin isolated, so that workers can share memory. */
const isolation: Plugin = {
  name: "cross-origin-isolation",
  enforce: "pre",
  configureServer: ({ middlewares }) => {
    middlewares.use((_request, response, next) => {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
      response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
      next();
    });
  },
};

/**
 * Runs a package's `test/browser` in a real Chromium, without a GPU; or its `test/isolated`, in pages
 * that are cross-origin isolated.
 *
 * @param name - The package.
 */
export function browserTestConfig(
  name: string,
  { isolated = false }: { readonly isolated?: boolean } = {},
): ViteUserConfig {
  return defineConfig({
    plugins: isolated ? [isolation] : [],
    test: {
      name: `${name} in Chromium${isolated ? ", isolated" : ""}`,
      include: [`test/${isolated ? "isolated" : "browser"}/**/*.test.ts`],
      testTimeout: 120_000,
      reporters: ["default", "json"],
      outputFile: { json: `.test-results/${isolated ? "isolated" : "browser"}.json` },
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({
          launchOptions: {
            ...chromiumOptions,
            // WebGPU, emulated on the processor.
            args: [
              ...chromiumOptions.args,
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

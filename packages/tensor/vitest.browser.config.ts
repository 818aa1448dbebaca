import { fileURLToPath } from "node:url";
import { mergeConfig } from "vitest/config";
import { browserTestConfig } from "../../scripts/browser-test-config";

/** The tests run the gpu.js that ships. */
const gpujs = fileURLToPath(new URL("dist/gpujs.js", import.meta.url));

export default mergeConfig(browserTestConfig("@x/tensor"), {
  resolve: { alias: [{ find: /^gpu\.js$/, replacement: gpujs }] },
  // While one page waits for the emulated GPU, another computes: a third less time on two cores.
  test: { maxWorkers: 2 },
});

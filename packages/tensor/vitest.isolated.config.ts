import { fileURLToPath } from "node:url";
import { browserTestConfig } from "../../scripts/browser-test-config";

/** The tests run the gpu.js that ships. */
const gpujs = fileURLToPath(new URL("dist/gpujs.js", import.meta.url));

export default {
  ...browserTestConfig("@x/tensor", { isolated: true }),
  resolve: { alias: [{ find: /^gpu\.js$/, replacement: gpujs }] },
};

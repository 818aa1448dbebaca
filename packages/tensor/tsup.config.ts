import { defineConfig } from "tsup";
import { gpujsBesideUs, gpujsBundle } from "./scripts/bundle-gpujs";

export default defineConfig([
  {
    entry: ["src/index.ts", "src/kernels.ts", "src/node.ts"],
    format: ["esm", "cjs"],
    // All entries share one Tensor class, in CommonJS as well.
    splitting: true,
    target: "es2022",
    sourcemap: true,
    // The other build writes there at the same time.
    clean: ["!dist/gpujs.js", "!dist/THIRD_PARTY_LICENSES.txt"],
    dts: { compilerOptions: { ignoreDeprecations: "6.0" } },
    esbuildPlugins: [gpujsBesideUs],
  },
  gpujsBundle(import.meta.dirname),
]);

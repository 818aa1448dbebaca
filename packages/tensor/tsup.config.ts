import { defineConfig, type Options } from "tsup";
import { gpujsBesideUs, gpujsBundle } from "./scripts/bundle-gpujs";
import { indexBesideUs } from "./scripts/index-beside-us";

const ours: Options = { format: ["esm", "cjs"], target: "es2022", sourcemap: true };

export default defineConfig([
  {
    ...ours,
    entry: ["src/index.ts"],
    // The other builds write there at the same time.
    clean: ["!dist/gpujs.js", "!dist/node.*", "!dist/THIRD_PARTY_LICENSES.txt"],
    dts: {
      entry: ["src/index.ts", "src/node.ts"],
      compilerOptions: { ignoreDeprecations: "6.0" },
    },
    esbuildPlugins: [gpujsBesideUs],
  },
  { ...ours, entry: ["src/node.ts"], esbuildPlugins: [indexBesideUs(import.meta.dirname)] },
  gpujsBundle(import.meta.dirname),
]);

import { defineConfig } from "tsup";

export default defineConfig({
  entry: { index: "src/index.ts", simulator: "src/simulator/index.ts" },
  format: ["esm", "cjs"],
  target: "es2022",
  // One copy of the scheduler behind both entries, in either module format.
  splitting: true,
  sourcemap: true,
  clean: true,
  dts: { compilerOptions: { ignoreDeprecations: "6.0" } },
});

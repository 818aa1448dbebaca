import { defineConfig } from "tsup";

export default defineConfig([
  {
    entry: ["src/cli.ts", "src/load/first-token.ts"],
    format: ["esm"],
    target: "node20",
    sourcemap: true,
    // What runs in a page is built at the same time.
    clean: ["!browser/**"],
  },
  {
    entry: ["src/browser/page.ts", "src/browser/engine-worker.ts"],
    outDir: "dist/browser",
    format: ["esm"],
    platform: "browser",
    target: "es2022",
    splitting: false,
    clean: true,
    noExternal: [/./],
  },
]);

import { defineConfig } from "tsup";

export default defineConfig([
  {
    entry: ["src/cli.ts"],
    format: ["esm"],
    target: "node20",
    sourcemap: true,
    // The page is built at the same time.
    clean: ["!page/**"],
  },
  {
    entry: { page: "src/page/main.tsx" },
    outDir: "dist/page",
    publicDir: "src/page/public",
    format: ["esm"],
    outExtension: () => ({ js: ".js" }),
    platform: "browser",
    target: "es2022",
    minify: true,
    clean: true,
    noExternal: [/./],
    loader: { ".woff2": "file" },
    esbuildOptions: (options) => {
      options.assetNames = "[name]";
    },
  },
]);

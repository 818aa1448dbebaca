import { join } from "node:path";
import type { Options } from "tsup";

type Plugin = NonNullable<Options["esbuildPlugins"]>[number];

/**
 * For the other entries of the package: they import the main one from the file beside them instead
 * of containing it again, as there must be one `Tensor` class.
 */
export function indexBesideUs(packageDirectory: string): Plugin {
  const index = join(packageDirectory, "src", "index");
  return {
    name: "index-beside-us",
    setup(build) {
      const file = build.initialOptions.format === "cjs" ? "./index.cjs" : "./index.js";
      build.onResolve({ filter: /\/index$/ }, ({ path, resolveDir }) =>
        join(resolveDir, path) === index ? { path: file, external: true } : undefined,
      );
    },
  };
}

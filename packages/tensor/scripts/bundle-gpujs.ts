import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Options } from "tsup";
import { formatLicenses, type ThirdParty } from "./third-party-licenses";

type Plugin = NonNullable<Options["esbuildPlugins"]>[number];

/**
 * What gpu.js asks Node for, as expressions that give the same in Node and `undefined` in a browser.
 * No bundler follows them, so none adds a polyfill or complains. `gl` is found where the user has
 * installed it; gpu.js catches its absence.
 */
const nodeModules: Readonly<Record<string, string>> = {
  os: `globalThis.process?.getBuiltinModule?.("os")`,
  worker_threads: `globalThis.process?.getBuiltinModule?.("worker_threads")`,
  gl: `globalThis.process?.getBuiltinModule?.("module").createRequire(gpujsUrl)("gl")`,
};

const entry = createRequire(import.meta.url).resolve("gpu.js");

/** Copied into gpu.js by its authors, with the licence in a comment that bundling drops. */
const vendored: readonly ThirdParty[] = [
  {
    name: "gl-wiretap",
    version: "0.6.2",
    within: "gpu.js",
    text: readFileSync(new URL("licenses/gl-wiretap.txt", import.meta.url), "utf8"),
  },
];

/** Leaves `gpu.js` out of our own code: it is imported from the file beside it. */
export const gpujsBesideUs: Plugin = {
  name: "gpujs-beside-us",
  setup(build) {
    build.onResolve({ filter: /^gpu\.js$/ }, () => ({ path: "./gpujs.js", external: true }));
  },
};

/**
 * Bundles the pinned gpu.js with what it needs, and nothing of what it declares but never loads,
 * into one module for Node and browsers, and writes the licences of what went into it.
 */
export function gpujsBundle(packageDirectory: string): Options {
  const { version } = readThirdParty(packageDirectoryOf(entry));
  const licenseFile = join(packageDirectory, "dist", "THIRD_PARTY_LICENSES.txt");
  return {
    // The module that the browser build of gpu.js wraps. That build also takes over the global
    // `GPU`, which is the browser's own.
    entry: { gpujs: entry },
    format: ["esm"],
    target: "es2022",
    noExternal: [/.*/],
    // gpu.js reads its own functions as text, so they stay as they were written.
    minify: false,
    treeshake: false,
    clean: false,
    dts: false,
    esbuildPlugins: [nodeModulesByHand, licensesInto(licenseFile)],
    esbuildOptions(options) {
      options.metafile = true;
      options.legalComments = "none";
      options.banner = {
        js: `/*! gpu.js ${version} and what it needs; licences: THIRD_PARTY_LICENSES.txt */
const gpujsUrl = import.meta.url;`,
      };
    },
  };
}

const nodeModulesByHand: Plugin = {
  name: "node-modules-by-hand",
  setup(build) {
    build.onResolve({ filter: /^(os|worker_threads|gl)$/ }, ({ path }) => ({
      path,
      namespace: "by-hand",
    }));
    build.onLoad({ filter: /.*/, namespace: "by-hand" }, ({ path }) => ({
      contents: `module.exports = ${nodeModules[path]};`,
    }));
  },
};

function licensesInto(licenseFile: string): Plugin {
  return {
    name: "licenses",
    setup(build) {
      build.onEnd(({ metafile }) => {
        if (metafile === undefined) return;
        const files = Object.keys(metafile.inputs).filter((file) => !file.startsWith("by-hand:"));
        const directories = new Set(files.map(packageDirectoryOf));
        const bundled = [...directories].map(readThirdParty);
        mkdirSync(dirname(licenseFile), { recursive: true });
        writeFileSync(licenseFile, formatLicenses([...bundled, ...vendored]));
      });
    },
  };
}

function packageDirectoryOf(file: string): string {
  let directory = dirname(file);
  while (!existsSync(join(directory, "package.json"))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error(`${file} belongs to no package`);
    directory = parent;
  }
  return directory;
}

function readThirdParty(directory: string): ThirdParty {
  const { name, version } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  return { name, version, text: readFileSync(join(directory, "LICENSE"), "utf8") };
}

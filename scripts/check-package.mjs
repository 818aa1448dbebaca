// Packs the package in the current folder as it would be published, and checks the tarball: entry
// points and types for every kind of importer (publint, attw), and what a user gets who installs it
// with npm into an empty folder: how much, nothing unwanted, and entry points that load.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Megabytes that a package and all it brings may take on disk, source maps included: no binaries. */
const maximumMegabytes = {
  "@x/tensor": 6,
  "@x/attention-linear": 6.5,
  "@x/flash": 6.5,
  "@x/kvcache": 6.5,
  "@x/models": 10.5,
  "@x/rnn": 6.5,
  "@x/paged-scheduler": 1,
  "@x/engine": 14,
};

/** gpu.js is bundled; it declares the others, compiled code that it does not need. */
const unwanted = ["gpu.js", "gl", "webgpu"];

const directory = mkdtempSync(join(tmpdir(), "check-package-"));

function run(command, args, options = {}) {
  const { status } = spawnSync(command, args, { stdio: "inherit", ...options });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed`);
}

/** Packs a package with those of the workspace that it needs; its own tarball comes first. */
function pack(folder) {
  const { dependencies = {} } = readManifest(folder);
  const output = execFileSync("pnpm", ["pack", "--json", "--pack-destination", directory], {
    cwd: folder,
    encoding: "utf8",
  });
  const needed = Object.keys(dependencies)
    .filter((name) => dependencies[name].startsWith("workspace:"))
    .flatMap((name) => pack(join(folder, "node_modules", name)));
  return [JSON.parse(output).filename, ...new Set(needed)];
}

function readManifest(folder) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

/** Every file below `folder`. */
function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
}

function checkInstalled(name, tarballs) {
  const folder = mkdtempSync(join(directory, "user-"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  const quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
  run("npm", ["install", ...quiet, ...tarballs], { cwd: folder });

  const modules = join(folder, "node_modules");
  const files = filesOf(modules);
  for (const forbidden of unwanted) {
    const found = files.find(({ parentPath }) => parentPath.endsWith(`node_modules/${forbidden}`));
    if (found !== undefined) throw new Error(`${name} brings ${forbidden}: ${found.parentPath}`);
  }
  const bytes = files.reduce(
    (sum, file) => sum + readFileSync(join(file.parentPath, file.name)).length,
    0,
  );
  const megabytes = bytes / 1e6;
  process.stdout.write(`${name} installs ${megabytes.toFixed(2)} MB\n`);
  if (!(megabytes <= maximumMegabytes[name])) {
    throw new Error(
      `${name} may take ${maximumMegabytes[name]} MB; raise the limit or find out why`,
    );
  }

  const { exports } = readManifest(join(modules, name));
  const entries = Object.keys(exports).filter((entry) => entry !== "./package.json");
  for (const entry of entries.map((path) => name + path.slice(1))) {
    run("node", ["--input-type=module", "--eval", `await import("${entry}");`], { cwd: folder });
    run("node", ["--input-type=commonjs", "--eval", `require("${entry}");`], { cwd: folder });
  }
  const example = join(process.cwd(), "scripts", "after-install.mjs");
  if (existsSync(example)) {
    const source = readFileSync(example, "utf8");
    run("node", ["--input-type=module", "--eval", source], { cwd: folder });
  }
}

try {
  const tarballs = pack(process.cwd());
  const [own] = tarballs;
  run("publint", ["run", "--strict", own]);
  run("attw", [own, "--profile", "node16"]);
  checkInstalled(readManifest(process.cwd()).name, tarballs);
} finally {
  rmSync(directory, { recursive: true });
}

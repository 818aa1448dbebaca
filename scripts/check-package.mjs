// Packs the package in the current folder as it would be published, and checks the tarball: entry
// points and types for every kind of importer (publint, attw).
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const directory = mkdtempSync(join(tmpdir(), "check-package-"));

function run(command, ...args) {
  const { status } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed`);
}

try {
  run("pnpm", "pack", "--pack-destination", directory);
  const [name] = readdirSync(directory);
  const tarball = join(directory, name);
  run("publint", "run", "--strict", tarball);
  run("attw", tarball, "--profile", "node16");
} finally {
  rmSync(directory, { recursive: true });
}

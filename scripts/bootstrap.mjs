// Lets the whole repository run with only Node and npm: installs the pinned pnpm and the
// workspace when the lockfile changed, then starts the task. Standard output belongs to the
// task alone; everything else goes to standard error.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const [task, ...rest] = process.argv.slice(2);
const environment = {
  ...process.env,
  PATH: join(root, "node_modules", ".bin") + delimiter + process.env.PATH,
  TURBO_TELEMETRY_DISABLED: "1",
  TURBO_NO_UPDATE_NOTIFIER: "1",
  DO_NOT_TRACK: "1",
};
const shell = process.platform === "win32";

function runToStandardError(command, args) {
  const { status } = spawnSync(command, args, {
    cwd: root,
    env: environment,
    shell,
    stdio: ["ignore", 2, 2],
  });
  if (status !== 0) process.exit(status ?? 1);
}

function installWhenLockfileChanged() {
  const hash = createHash("sha256");
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json"]) {
    hash.update(readFileSync(join(root, file)));
  }
  const digest = hash.digest("hex");
  const stamp = join(root, "node_modules", ".bootstrap");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return;
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const install = [packageManager, "install", "--frozen-lockfile"];
  runToStandardError("npx", ["--yes", "--prefer-offline", ...install]);
  writeFileSync(stamp, digest);
}

/** Hands the terminal to the child; an interrupt reaches it directly, and its exit code is ours. */
function become(command, args) {
  const child = spawn(command, args, { cwd: root, env: environment, shell, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (signal !== "SIGINT") child.kill(signal);
    });
  }
  child.on("error", (error) => {
    process.stderr.write(`${command}: ${error.message}\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal) process.removeAllListeners(signal);
    if (signal) process.kill(process.pid, signal);
    else process.exit(code ?? 1);
  });
}

installWhenLockfileChanged();
if (task === "demo") {
  runToStandardError("turbo", ["run", "build", "--filter=@x/demo", "--output-logs=errors-only"]);
  become(process.execPath, [join(root, "apps/demo/dist/cli.js"), ...rest]);
} else if (task === "bench") {
  runToStandardError("turbo", ["run", "build", "--filter=@x/bench", "--output-logs=errors-only"]);
  become(process.execPath, [join(root, "bench/dist/cli.js"), ...rest]);
} else {
  become("turbo", [task, ...rest].filter(Boolean));
}

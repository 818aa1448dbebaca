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
  // .npmrc silences npm itself; what it runs must still be able to complain.
  npm_config_loglevel: "warn",
  TURBO_TELEMETRY_DISABLED: "1",
  TURBO_NO_UPDATE_NOTIFIER: "1",
  DO_NOT_TRACK: "1",
};
/** On Windows, npx and turbo are scripts that only a shell starts. */
const shell = process.platform === "win32";

/** Runs a step of the set-up; what it prints is shown when it fails, or at once if `loud`. */
function prepare(command, args, { loud }) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    env: environment,
    shell,
    stdio: loud ? ["ignore", 2, 2] : ["ignore", "pipe", "pipe"],
    maxBuffer: 2 ** 28,
  });
  if (status === 0) return;
  if (!loud) process.stderr.write(`${stdout ?? ""}${stderr ?? ""}`);
  process.exit(status ?? 1);
}

function installWhenLockfileChanged() {
  const hash = createHash("sha256");
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json"]) {
    hash.update(readFileSync(join(root, file)));
  }
  const digest = hash.digest("hex");
  const stamp = join(root, "node_modules", ".bootstrap");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return;
  process.stderr.write("installing …\n");
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const install = [packageManager, "install", "--frozen-lockfile"];
  prepare("npx", ["--yes", "--prefer-offline", ...install], { loud: true });
  writeFileSync(stamp, digest);
}

function build(name) {
  const isFirst = !existsSync(join(root, "packages", "tensor", "dist"));
  if (isFirst) process.stderr.write("building …\n");
  prepare("turbo", ["run", "build", `--filter=${name}`], { loud: false });
}

/** Hands the terminal to the child; its exit code is ours. */
function become(command, args, options = {}) {
  const child = spawn(command, args, { cwd: root, env: environment, stdio: "inherit", ...options });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("error", (error) => {
    process.stderr.write(`${command}: ${error.message}\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** Where the user stands, so that relative paths on the command line mean what they say. */
const cwd = process.env.INIT_CWD ?? process.cwd();

installWhenLockfileChanged();
if (task === "demo") {
  build("@x/demo");
  become(process.execPath, [join(root, "apps/demo/dist/cli.js"), ...rest], { cwd });
} else if (task === "bench") {
  build("@x/bench");
  become(process.execPath, [join(root, "bench/dist/cli.js"), ...rest], { cwd });
} else if (task === "exec") {
  const [command, ...args] = rest;
  become(command, args, { shell });
} else {
  become("turbo", [task, ...rest], { shell });
}

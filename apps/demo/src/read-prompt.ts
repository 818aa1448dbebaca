import { stat } from "node:fs/promises";
import { addAbortSignal } from "node:stream";
import { text } from "node:stream/consumers";
import { UsageError } from "./exit";

/**
 * The question that is asked when none is given: one that the smallest model answers well.
 */
export const defaultPrompt = "How do plants make food?";

/**
 * The prompt of a command: the option's text, or standard input for `-` and for a piped or
 * redirected input, or {@link defaultPrompt}.
 */
export async function readPrompt(option: string | undefined, signal: AbortSignal): Promise<string> {
  if (option !== undefined && option !== "-") return assertNotEmpty(option, "give --prompt a text");
  if (option === undefined && !(await isInputRedirected())) return defaultPrompt;
  const input = await text(addAbortSignal(signal, process.stdin)).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
  return assertNotEmpty(input.replace(/\r?\n$/, ""), "standard input had no text");
}

/**
 * Whether a shell redirected the input: `echo … |` or `< file`. A terminal, `/dev/null` or the
 * socket of a parent that never writes is no prompt to wait for.
 *
 * Not by `fstat`: in Node 20 and 22 its answer for a pipe stays where the module loader then takes it
 * for a symbolic link's. On Windows there is no such file, and `--prompt -` reads the input.
 */
async function isInputRedirected(): Promise<boolean> {
  try {
    const status = await stat("/dev/stdin");
    return status.isFIFO() || status.isFile();
  } catch {
    return false;
  }
}

function assertNotEmpty(prompt: string, advice: string): string {
  if (prompt.trim() !== "") return prompt;
  throw new UsageError(`the prompt is empty; ${advice}`);
}

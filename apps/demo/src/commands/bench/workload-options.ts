import { type Command, Option } from "commander";
import { numberParser } from "../../arguments";
import { randomFromSeed } from "../../benchmark/random";
import { randomWorkload, readWorkload, type WorkItem } from "../../benchmark/workload";
import { UsageError } from "../../exit";

/** Options of every benchmark. */
export interface WorkloadCommandOptions {
  readonly numPrompts: number;
  readonly inputLen: number;
  readonly outputLen: number;
  readonly rangeRatio: number;
  readonly prefixLen: number;
  readonly dataset?: string;
  readonly chat: boolean;
  readonly seed: number;
  readonly json?: string;
}

/** An option whose value is a number: a whole one of 1 or more, unless the range says otherwise. */
export function numberOption(
  flags: string,
  text: string,
  range: Partial<Parameters<typeof numberParser>[0]> = {},
): Option {
  return new Option(flags, text).argParser(numberParser({ minimum: 1, integer: true, ...range }));
}

/** Words or tokens: more than any model takes, and few enough to write down. */
const longest = 2 ** 20;

/** Adds the options of {@link WorkloadCommandOptions}. */
export function addWorkloadOptions(command: Command, numPrompts: number): Command {
  return command
    .addOption(numberOption("--num-prompts <n>", "requests").default(numPrompts))
    .addOption(
      numberOption("--input-len <n>", "words of a prompt", { maximum: longest }).default(64),
    )
    .addOption(
      numberOption("--output-len <n>", "tokens of an answer", { maximum: longest }).default(32),
    )
    .addOption(
      numberOption("--range-ratio <share>", "both lengths vary by this share", {
        minimum: 0,
        maximum: 0.99,
        integer: false,
      }).default(0),
    )
    .addOption(
      numberOption("--prefix-len <n>", "words that all prompts begin with", {
        minimum: 0,
        maximum: longest,
      }).default(0),
    )
    .option("--dataset <file>", 'prompts from a file: a line of JSON each, {"prompt": "…"}')
    .option("--chat", "send each prompt as a conversation", false)
    .addOption(numberOption("--seed <n>", "repeats the load", { minimum: 0 }).default(0))
    .option("--json <file>", "write the figures to a file as well");
}

/**
 * Refuses lengths that no sequence of the engine holds, before any prompt is written.
 *
 * @param limit - Most tokens of a sequence; a word is a token at least.
 * @throws {UsageError} naming the options.
 */
export function requireLengths(options: WorkloadCommandOptions, limit: number): void {
  const { dataset, inputLen, outputLen, prefixLen, rangeRatio } = options;
  const input = dataset === undefined ? prefixLen + Math.round(inputLen * (1 + rangeRatio)) : 1;
  const output = Math.round(outputLen * (1 + rangeRatio));
  if (input + output <= limit) return;
  throw new UsageError(
    `prompts of up to ${input} words and answers of ${output} tokens do not fit in the ${limit} ` +
      "tokens of a sequence; lower --input-len, --prefix-len or --output-len, or raise --cache-mb",
  );
}

/** The load that the options describe. */
export async function createWorkload(options: WorkloadCommandOptions): Promise<WorkItem[]> {
  const { numPrompts: count, inputLen, outputLen, rangeRatio, prefixLen, chat, seed } = options;
  const shape = {
    count,
    inputLength: inputLen,
    outputLength: outputLen,
    rangeRatio,
    prefixLength: prefixLen,
    asChat: chat,
  };
  return options.dataset === undefined
    ? randomWorkload(shape, randomFromSeed(seed))
    : await readWorkload(options.dataset, shape);
}

import { type Command, Option } from "commander";
import { numberParser } from "../../arguments";
import { randomFromSeed } from "../../benchmark/random";
import { randomWorkload, readWorkload, type WorkItem } from "../../benchmark/workload";

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

/** Adds the options of {@link WorkloadCommandOptions}. */
export function addWorkloadOptions(command: Command, numPrompts: number): Command {
  return command
    .addOption(numberOption("--num-prompts <n>", "requests").default(numPrompts))
    .addOption(numberOption("--input-len <n>", "words of a prompt").default(64))
    .addOption(numberOption("--output-len <n>", "tokens of an answer").default(32))
    .addOption(
      numberOption("--range-ratio <share>", "both lengths vary by this share", {
        minimum: 0,
        maximum: 0.99,
        integer: false,
      }).default(0),
    )
    .addOption(
      numberOption("--prefix-len <n>", "words that all prompts begin with", { minimum: 0 }).default(
        0,
      ),
    )
    .option("--dataset <file>", 'prompts from a file: a line of JSON each, {"prompt": "…"}')
    .option("--chat", "send each prompt as a conversation", false)
    .addOption(numberOption("--seed <n>", "repeats the load", { minimum: 0 }).default(0))
    .option("--json <file>", "write the figures to a file as well");
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

import { type Command, Option } from "commander";
import { numberParser } from "./arguments";
import { addComputeOptions } from "./compute-options";
import type { ModelSelection } from "./open-model";

/** Options that every generating command takes. */
export interface GenerationCommandOptions extends ModelSelection {
  readonly system?: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly seed?: number;
}

/** Values that differ between commands. */
export interface GenerationDefaults {
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
}

const share = { minimum: 0, maximum: 1 };
const wholeNumber = { minimum: 0, integer: true };

/** Adds the options of {@link GenerationCommandOptions} to a command. */
export function addGenerationOptions(command: Command, defaults: GenerationDefaults): Command {
  const number = (flag: string, text: string, range: Parameters<typeof numberParser>[0]) =>
    new Option(`${flag} <number>`, text).argParser(numberParser(range));
  command
    .addOption(
      new Option("-m, --model <name|path>", "name of a model, or path of a .gguf file").default(
        "smollm2-135m-instruct",
      ),
    )
    .option("-s, --system <text>", "system prompt")
    .addOption(
      number("-n, --max-tokens", "most tokens to generate", {
        minimum: 1,
        integer: true,
      }).default(defaults.maxTokens),
    )
    .addOption(
      number("-t, --temperature", "randomness; 0 always takes the likeliest token", {
        minimum: 0,
        maximum: 2,
      }).default(defaults.temperature),
    )
    .addOption(
      number("--top-k", "sample among the k likeliest tokens; 0 is off", wholeNumber).default(0),
    )
    .addOption(
      number("--top-p", "sample among the likeliest tokens of this total probability", {
        ...share,
        exclusiveMinimum: true,
      }).default(1),
    )
    .addOption(number("--min-p", "drop tokens below this share of the likeliest", share).default(0))
    .addOption(
      number("--repetition-penalty", "above 1: avoid tokens that are there already", {
        minimum: 0,
        maximum: 2,
        exclusiveMinimum: true,
      }).default(1),
    )
    .addOption(number("--seed", "makes random choices repeatable", wholeNumber));
  return addComputeOptions(command)
    .addOption(
      new Option("--device <name>", "where to compute (default: the fastest)").choices([
        "cpu",
        "wasm",
      ]),
    )
    .addOption(
      new Option("--kernels <set>", "gpujs computes by the gpu.js definitions alone")
        .choices(["auto", "gpujs"])
        .default("auto"),
    );
}

/** The part of the options that a generation takes. */
export function toGenerateOptions(options: GenerationCommandOptions) {
  const { maxTokens, temperature, topK, topP, minP, repetitionPenalty, seed } = options;
  return {
    maxTokens,
    temperature,
    topK,
    topP,
    minP,
    repetitionPenalty,
    ...(seed !== undefined && { seed }),
  };
}

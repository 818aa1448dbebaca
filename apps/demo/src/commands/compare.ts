import { writeFile } from "node:fs/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { numberParser } from "../arguments";
import { compareWays } from "../comparison/compare-ways";
import { plotComparison } from "../comparison/comparison-plot";
import { addComputeOptions } from "../compute-options";
import { UsageError } from "../exit";
import { listenForInterruption } from "../interruption";
import { type ModelSelection, openModel } from "../open-model";
import { formatComparison } from "../presenters/comparison-table";
import { createProgress } from "../presenters/progress";
import { createStyle } from "../presenters/style";
import { defaultPrompt, readPrompt } from "../read-prompt";

interface CompareCommandOptions extends ModelSelection {
  readonly prompt?: string;
  readonly maxTokens: number;
  readonly batchSizes: readonly number[];
  readonly svg?: string;
  readonly json: boolean;
}

/** `compare`: one prompt in every way, as a table and a plot. */
export function compareCommand(): Command {
  const number = (flags: string, text: string) =>
    new Option(flags, text).argParser(numberParser({ minimum: 2, integer: true }));
  const command = new Command("compare")
    .description("answer one prompt cached and not, paged, with drafts, in batches: speed, memory")
    .option("-p, --prompt <text>", "what to answer; - reads it from standard input")
    .addOption(
      new Option("-m, --model <name|path>", "name of a model, or path of a .gguf file").default(
        "smollm2-135m-instruct",
      ),
    )
    .addOption(number("-n, --max-tokens <number>", "tokens of the answer").default(48))
    .addOption(
      new Option("--batch-sizes <list>", "numbers of answers at once, by commas")
        .argParser(parseSizes)
        .default([2, 4, 8], "2,4,8"),
    );
  return addComputeOptions(command)
    .option("--svg <file>", "write a plot to a file as well")
    .option("--json", "print one JSON array instead of the table", false)
    .action(compare);
}

async function compare(options: CompareCommandOptions): Promise<void> {
  using interruption = listenForInterruption();
  const { signal } = interruption;
  const prompt = await readPrompt(options.prompt, signal);
  const progress = createProgress(process.stderr);
  using model = await openModel(options, { progress, signal });
  const { maxTokens, batchSizes, svg } = options;
  const promptTokenIds =
    model.chatTemplate === undefined
      ? model.tokenizer.encode(prompt)
      : model.encodeChat([{ role: "user", content: prompt }]);
  if (promptTokenIds.length + maxTokens > model.contextLength) {
    throw new UsageError(
      `${promptTokenIds.length} tokens of the prompt and ${maxTokens} of the answer exceed the context of ${model.contextLength}; lower --max-tokens`,
    );
  }
  const style = createStyle(process.stderr);
  const rows = await compareWays(model, {
    promptTokenIds,
    maxTokens,
    batchSizes,
    signal,
    onStart: (name, index, total) =>
      process.stderr.write(`${style.dim(`${index + 1}/${total} ${name}`)}\n`),
  });
  process.stdout.write(options.json ? `${JSON.stringify(rows)}\n` : formatComparison(rows));
  if (svg !== undefined) {
    const title = `${model.name}: ${promptTokenIds.length} tokens of prompt, ${maxTokens} of answer`;
    await writeFile(svg, await plotComparison(rows, title));
    process.stderr.write(`plot written to ${svg}\n`);
  }
  if (prompt === defaultPrompt && !options.json) {
    process.stderr.write(style.dim(`prompt: ${prompt}\n`));
  }
}

function parseSizes(text: string): readonly number[] {
  const sizes = text.split(",").map(Number);
  if (sizes.every((size) => Number.isInteger(size) && size >= 2 && size <= 256)) return sizes;
  throw new InvalidArgumentError("Use numbers from 2 to 256, by commas: 2,4,8.");
}

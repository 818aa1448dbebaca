import type { LanguageModel } from "@x/models";
import { Command } from "commander";
import { UsageError } from "../exit";
import {
  addGenerationOptions,
  type GenerationCommandOptions,
  toGenerateOptions,
} from "../generation-options";
import { listenForInterruption } from "../interruption";
import { openModel } from "../open-model";
import { createProgress } from "../presenters/progress";
import { createStyle } from "../presenters/style";
import { peakMemoryBytes, summarize, toAnswerRecord } from "../presenters/summary";
import { defaultPrompt, readPrompt } from "../read-prompt";
import { streamAnswer } from "../stream-answer";

interface GenerateCommandOptions extends GenerationCommandOptions {
  readonly prompt?: string;
  readonly raw: boolean;
  readonly json: boolean;
}

/** `generate`: one prompt, one answer. */
export function generateCommand(): Command {
  const command = new Command("generate")
    .description("answer one prompt")
    .option("-p, --prompt <text>", "what to answer; - reads it from standard input");
  return addGenerationOptions(command, { maxTokens: 256, temperature: 0, topP: 1 })
    .option("--raw", "continue the prompt as plain text, without the chat template", false)
    .option("--json", "print one JSON object at the end instead of the text as it comes", false)
    .action(generate);
}

async function generate(options: GenerateCommandOptions): Promise<void> {
  using interruption = listenForInterruption();
  const { signal } = interruption;
  if (options.raw && options.system !== undefined) {
    throw new UsageError("--system needs the chat template; leave out --raw or --system");
  }
  const prompt = await readPrompt(options.prompt, signal);
  const progress = createProgress(process.stderr);
  using model = await openModel(options, { progress, signal });
  const promptTokenIds = encodePrompt(model, prompt, options);
  const style = createStyle(process.stderr);
  if (ignoresSampling(options)) {
    process.stderr.write(
      "note: temperature 0 takes the likeliest token; raise --temperature to sample\n",
    );
  }
  if (prompt === defaultPrompt && !options.json) process.stderr.write(`${style.dim(prompt)}\n`);

  let lastPiece = "\n";
  const result = await streamAnswer(
    model,
    promptTokenIds,
    { ...toGenerateOptions(options), signal },
    {
      progress,
      onText(text) {
        if (options.json) return;
        process.stdout.write(text);
        lastPiece = text;
      },
    },
  );

  const peakBytes = peakMemoryBytes();
  if (options.json) {
    const record = toAnswerRecord(options.model, result, model, peakBytes);
    process.stdout.write(`${JSON.stringify(record)}\n`);
  } else {
    if (!lastPiece.endsWith("\n")) process.stdout.write("\n");
    process.stderr.write(`\n${style.dim(summarize(result, model, peakBytes))}`);
  }
  if (result.finishReason === "abort") process.exitCode = interruption.exitCode;
}

/** Whether options were given that have no effect without a temperature. */
function ignoresSampling({ temperature, topK, topP, minP, seed }: GenerateCommandOptions): boolean {
  return temperature === 0 && (topK > 0 || topP < 1 || minP > 0 || seed !== undefined);
}

function encodePrompt(
  model: LanguageModel,
  prompt: string,
  { raw, system }: GenerateCommandOptions,
): number[] {
  if (raw) return model.tokenizer.encode(prompt);
  if (model.chatTemplate === undefined) {
    throw new UsageError(`${model.name} has no chat template; use --raw`);
  }
  const systemMessages = system === undefined ? [] : [{ role: "system", content: system }];
  return model.encodeChat([...systemMessages, { role: "user", content: prompt }]);
}

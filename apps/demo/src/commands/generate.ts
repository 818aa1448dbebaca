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
import { openPromptCache, writePromptCache } from "../prompt-cache";
import { defaultPrompt, readPrompt } from "../read-prompt";
import { streamAnswer } from "../stream-answer";

interface GenerateCommandOptions extends GenerationCommandOptions {
  readonly prompt?: string;
  readonly raw: boolean;
  readonly json: boolean;
  readonly promptCache?: string;
}

/** `generate`: one prompt, one answer. */
export function generateCommand(): Command {
  const command = new Command("generate")
    .description("answer one prompt")
    .option("-p, --prompt <text>", "what to answer; - reads it from standard input");
  return addGenerationOptions(command, { maxTokens: 256, temperature: 0, topP: 1 })
    .option("--raw", "continue the prompt as plain text, without the chat template", false)
    .option("--json", "print one JSON object at the end instead of the text as it comes", false)
    .option(
      "--prompt-cache <file>",
      "keep the computed prompt in a file, and start from it the next time",
    )
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

  const { promptCache } = options;
  const note = (text: string) => process.stderr.write(`${text}\n`);
  using state = promptCache === undefined ? undefined : openPromptCache(model, promptCache, note);

  let lastPiece = "\n";
  const result = await streamAnswer(
    model,
    promptTokenIds,
    { ...toGenerateOptions(options), signal, state },
    {
      progress,
      onText(text) {
        if (options.json) return;
        process.stdout.write(text);
        lastPiece = text;
      },
    },
  );

  if (promptCache !== undefined && state !== undefined) {
    writePromptCache(model, state, promptCache);
  }

  const peakBytes = peakMemoryBytes();
  if (options.json) {
    const record = toAnswerRecord(options.model, result, model, peakBytes);
    process.stdout.write(`${JSON.stringify(record)}\n`);
  } else {
    if (!lastPiece.endsWith("\n")) process.stdout.write("\n");
    process.stderr.write(`\n${style.dim(summarize(result, model, peakBytes, model.model.config))}`);
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

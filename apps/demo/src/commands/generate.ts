import type { LanguageModel } from "@x/models";
import { Command } from "commander";
import {
  chooseDefaultModel,
  embeddedName,
  embeddedPrompt,
  embeddedTemperature,
} from "../embedded-model";
import { UsageError } from "../exit";
import {
  addGenerationOptions,
  type GenerationCommandOptions,
  toGenerateOptions,
} from "../generation-options";
import { listenForInterruption } from "../interruption";
import { type OpenModelContext, openModel } from "../open-model";
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
  readonly offline: boolean;
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
    .option("--offline", "use what is on this machine: the cached or the embedded model", false)
    .action(generate);
}

async function generate(given: GenerateCommandOptions, command: Command): Promise<void> {
  using interruption = listenForInterruption();
  const { signal } = interruption;
  if (given.raw && given.system !== undefined) {
    throw new UsageError("--system needs the chat template; leave out --raw or --system");
  }
  const givenPrompt = await readPrompt(given.prompt, signal);
  const progress = createProgress(process.stderr);
  const options = await withChosenModel(given, command, { progress, signal });
  const isEmbedded = options.name === embeddedName;
  const prompt = isEmbedded && givenPrompt === defaultPrompt ? embeddedPrompt : givenPrompt;
  using model = await openModel(options, { progress, signal });
  const promptTokenIds = encodePrompt(model, prompt, options);
  const style = createStyle(process.stderr);
  if (ignoresSampling(options)) {
    process.stderr.write(
      "note: temperature 0 takes the likeliest token; raise --temperature to sample\n",
    );
  }
  const isDefault = prompt === defaultPrompt || prompt === embeddedPrompt;
  if (isDefault && !options.json) process.stderr.write(`${style.dim(prompt)}\n`);

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
    const record = toAnswerRecord(options.name, result, model, peakBytes);
    process.stdout.write(`${JSON.stringify(record)}\n`);
  } else {
    if (!lastPiece.endsWith("\n")) process.stdout.write("\n");
    process.stderr.write(`\n${style.dim(summarize(result, model, peakBytes, model.model.config))}`);
  }
  if (result.finishReason === "abort") process.exitCode = interruption.exitCode;
}

/** Options with the model's file found; its name is what is reported. */
type ChosenOptions = GenerateCommandOptions & { readonly name: string };

/**
 * The default model, where no other was asked for; the embedded one where it cannot be had. That one
 * continues plain text.
 */
async function withChosenModel(
  options: GenerateCommandOptions,
  command: Command,
  context: OpenModelContext,
): Promise<ChosenOptions> {
  const isDefault = (option: string) => command.getOptionValueSource(option) === "default";
  const { model: name, offline: isOffline } = options;
  if (!isDefault("model")) return { ...options, name };
  const { path, isEmbedded, reason } = await chooseDefaultModel(name, { isOffline }, context);
  if (!isEmbedded) return { ...options, model: path, name };
  if (options.system !== undefined) {
    throw new UsageError(`${reason}, and the embedded model takes no --system; leave it out`);
  }
  process.stderr.write(`${reason}: using the embedded model, which writes like its one book\n`);
  return {
    ...options,
    name: embeddedName,
    model: path,
    raw: true,
    ...(isDefault("temperature") && { temperature: embeddedTemperature }),
  };
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

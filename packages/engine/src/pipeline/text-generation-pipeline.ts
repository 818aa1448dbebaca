import {
  type ChatMessage,
  InvalidArgumentError,
  type LanguageModel,
  type Tokenizer,
} from "@x/models";
import type { Generation } from "../generation";
import type { GenerationResult } from "../generation-result";
import type { TextGenerator } from "../text-generator";
import {
  type TextGenerationInput,
  type TextGenerationOptions,
  type TextGenerationOutput,
  toGenerationOptions,
} from "./pipeline-options";
import type { TextStreamer } from "./text-streamer";

/** What `pipeline("text-generation", …)` is made of. */
export class TextGenerationPipeline {
  readonly #engine: TextGenerator;
  readonly #ownsEngine: boolean;

  constructor(engine: TextGenerator, ownsEngine: boolean) {
    this.#engine = engine;
    this.#ownsEngine = ownsEngine;
  }

  /** The model's, unless the engine is remote. */
  get tokenizer(): Tokenizer | undefined {
    const engine: TextGenerator & { readonly model?: LanguageModel } = this.#engine;
    return engine.model?.tokenizer;
  }

  /** Answers one prompt or conversation. */
  generate<Input extends TextGenerationInput>(
    input: Input,
    options?: TextGenerationOptions,
  ): Promise<TextGenerationOutput<Input>[]>;
  /** Answers each of several. */
  generate<Input extends TextGenerationInput>(
    inputs: readonly Input[],
    options?: TextGenerationOptions,
  ): Promise<TextGenerationOutput<Input>[][]>;
  async generate(
    input: TextGenerationInput | readonly TextGenerationInput[],
    options: TextGenerationOptions = {},
  ): Promise<unknown> {
    const { streamer, return_full_text: isFull = true } = options;
    const resolved = toGenerationOptions(options);
    if (isBatch(input)) {
      if (streamer !== undefined) {
        throw new InvalidArgumentError(
          "text-generation: a streamer takes one prompt; call once for each",
        );
      }
      const results = await this.#engine.generateBatch(input, resolved);
      return results.map((result, index) =>
        toOutputs(input[index] as TextGenerationInput, result, isFull),
      );
    }
    const generation = this.#engine.generate(input, resolved);
    if (streamer !== undefined) await stream(input, generation, streamer);
    return toOutputs(input, await generation, isFull);
  }

  /** Gives the engine's memory back, if the pipeline made it. */
  dispose(): void {
    if (this.#ownsEngine) this.#engine.dispose();
  }
}

/** A conversation is a list as well, but of messages. */
function isBatch(
  input: TextGenerationInput | readonly TextGenerationInput[],
): input is readonly TextGenerationInput[] {
  if (typeof input === "string") return false;
  const [first] = input;
  return typeof first === "string" || Array.isArray(first);
}

async function stream(
  input: TextGenerationInput,
  generation: Generation,
  streamer: TextStreamer,
): Promise<void> {
  if (typeof input === "string") streamer.putPrompt(input);
  for await (const event of generation) {
    if (event.type === "text-delta" && event.index === 0) streamer.put(event.text, event.tokenIds);
  }
}

function toOutputs(
  input: TextGenerationInput,
  { outputs }: GenerationResult,
  isFull: boolean,
): { generated_text: string | ChatMessage[] }[] {
  return outputs.map(({ text }) => {
    if (typeof input === "string") return { generated_text: isFull ? input + text : text };
    return { generated_text: [...(isFull ? input : []), { role: "assistant", content: text }] };
  });
}

import { InvalidArgumentError, type LanguageModel } from "@x/models";
import { createEngine } from "../engine";
import type { TextGenerator } from "../text-generator";
import { TextGenerationPipeline } from "./text-generation-pipeline";

/** A pipeline that can be called; see {@link pipeline}. */
export type TextGeneration = TextGenerationPipeline["generate"] &
  Pick<TextGenerationPipeline, "tokenizer" | "dispose">;

/**
 * A text-generation pipeline after the manner of transformers.js.
 *
 * @param task - `text-generation`, the only one.
 * @param source - A model, which gets an engine of its own until `dispose()`; or an engine, here or
 *   remote. Neither is disposed.
 * @returns A function from a prompt, a conversation, or a list of them, to answers.
 * @throws {InvalidArgumentError} for another task.
 *
 * @example
 * ```ts
 * const generator = await pipeline("text-generation", model);
 * const [answer] = await generator("Once upon a time", { max_new_tokens: 20 });
 * console.log(answer.generated_text);
 * generator.dispose();
 * ```
 */
export async function pipeline(
  task: "text-generation",
  source: TextGenerator | LanguageModel,
): Promise<TextGeneration> {
  if (task !== "text-generation") {
    throw new InvalidArgumentError(`pipeline: the task is ${task}; use text-generation`, { task });
  }
  if (typeof source !== "object" || source === null) {
    throw new InvalidArgumentError(
      `pipeline: the source is ${JSON.stringify(source)}; load the model first, with loadModel of @x/models`,
      { source },
    );
  }
  const isModel = "tokenizer" in source;
  const engine = isModel ? createEngine({ model: source }) : source;
  const instance = new TextGenerationPipeline(engine, isModel);
  const generate: TextGenerationPipeline["generate"] = instance.generate.bind(instance);
  return Object.assign(generate, {
    tokenizer: instance.tokenizer,
    dispose: () => instance.dispose(),
  });
}

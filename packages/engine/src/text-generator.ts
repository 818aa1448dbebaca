import type { Generation } from "./generation";
import type { GenerationOptions } from "./generation-options";
import type { GenerationResult } from "./generation-result";
import type { Prompt } from "./prompt";

/**
 * What an engine in this process and one behind a server have in common: code that takes a
 * `TextGenerator` moves from one to the other without a change.
 */
export interface TextGenerator {
  /** Name of the model that answers. */
  readonly modelName: string;

  /**
   * Starts a generation. Iterate it for the text as it comes, or await it for the whole result.
   *
   * @param prompt - Text, messages or token ids.
   * @throws {InvalidArgumentError} when an option is outside its range.
   * @throws {ContextLengthError} when the prompt leaves no room for an answer.
   * @throws {InvalidGrammarError} when `structured` cannot be followed.
   */
  generate(prompt: Prompt, options?: GenerationOptions): Generation;

  /**
   * Generates for many prompts at once.
   *
   * @returns The results, in the order of the prompts.
   */
  generateBatch(
    prompts: readonly Prompt[],
    options?: GenerationOptions,
  ): Promise<GenerationResult[]>;

  /** Ends what runs and gives the memory back. */
  dispose(): void;
}

import type { Tokenizer } from "@x/models";

/** Settings of a {@link TextStreamer}. */
export interface TextStreamerOptions {
  /** Leave the prompt out. Default false. */
  readonly skip_prompt?: boolean;
  /** Called with each piece of text. */
  readonly callback_function?: (text: string) => void;
  /** Called with the ids of each step's tokens. */
  readonly token_callback_function?: (tokenIds: readonly number[]) => void;
}

/**
 * Takes a text-generation pipeline's text as it comes; for the `streamer` option.
 *
 * @example
 * ```ts
 * const streamer = new TextStreamer(generator.tokenizer, {
 *   skip_prompt: true,
 *   callback_function: (text) => process.stdout.write(text),
 * });
 * await generator("Once upon a time", { streamer });
 * ```
 */
export class TextStreamer {
  readonly #options: TextStreamerOptions;

  /** @param _tokenizer - Taken for likeness with transformers.js; the engine makes the text. */
  constructor(_tokenizer?: Tokenizer, options: TextStreamerOptions = {}) {
    this.#options = options;
  }

  /** Takes the prompt. */
  putPrompt(text: string): void {
    if (!this.#options.skip_prompt) this.#options.callback_function?.(text);
  }

  /** Takes what is new. */
  put(text: string, tokenIds: readonly number[]): void {
    if (tokenIds.length > 0) this.#options.token_callback_function?.(tokenIds);
    if (text !== "") this.#options.callback_function?.(text);
  }
}

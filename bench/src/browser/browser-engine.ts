/** A prompt in the forms that engines take. */
export interface BrowserPrompt {
  readonly text: string;
  readonly tokenIds: readonly number[];
}

/** An engine in a page, ours or a peer's, that decodes greedily. */
export interface BrowserEngine {
  /** @returns milliseconds until the token after the prompt is known, from an empty cache. */
  readPrompt(prompt: BrowserPrompt): Promise<number>;
  /** Continues the prompt past any end. @returns milliseconds of `steps` tokens after the prompt's. */
  decode(prompt: BrowserPrompt, steps: number): Promise<number>;
}

/** How a page opens an engine. */
export interface BrowserEngineOptions {
  /** The GGUF file. */
  readonly model: Blob;
  readonly threads: number;
  /** Most tokens of a sequence. */
  readonly contextSize: number;
}

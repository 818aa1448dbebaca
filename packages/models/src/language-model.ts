import { restoreCache, saveCache } from "@x/kvcache";
import type { KernelSet } from "@x/tensor";
import type { CausalLM, StateOptions } from "./causal-lm";
import type { ChatMessage, ChatTemplate } from "./chat/chat-template";
import { encodeChat } from "./chat/encode-chat";
import { UnsupportedModelError } from "./errors";
import {
  type GenerateOptions,
  type GenerationEvent,
  type GenerationResult,
  generate,
} from "./generation/generate";
import { GenerationState } from "./generation/generation-state";
import type { Tokenizer } from "./tokenizer/tokenizer";

/** What a {@link LanguageModel} is put together from. */
export interface LanguageModelParts {
  readonly name: string;
  readonly fingerprint: string;
  readonly model: CausalLM;
  readonly tokenizer: Tokenizer;
  readonly chatTemplate: ChatTemplate | undefined;
}

/** A language model ready to generate text: weights, tokenizer and chat template. */
export class LanguageModel implements Disposable {
  /** The checkpoint's own name. */
  readonly name: string;
  /** Tells the checkpoint from others: a saved state belongs to one of them. */
  readonly fingerprint: string;
  readonly model: CausalLM;
  readonly tokenizer: Tokenizer;
  /** How conversations are written for this model, if the checkpoint says so. */
  readonly chatTemplate: ChatTemplate | undefined;

  constructor({ name, fingerprint, model, tokenizer, chatTemplate }: LanguageModelParts) {
    this.name = name;
    this.fingerprint = fingerprint;
    this.model = model;
    this.tokenizer = tokenizer;
    this.chatTemplate = chatTemplate;
  }

  /** Architecture by its GGUF name. */
  get architecture(): string {
    return this.model.config.architecture;
  }

  /** The device's name: `cpu` or `wasm`. */
  get device(): string {
    return this.model.device.name;
  }

  /** The kernels in use. */
  get kernels(): KernelSet {
    return this.model.device.kernels;
  }

  /** Most tokens of a sequence, prompt and answer together. */
  get contextLength(): number {
    return this.model.config.contextLength;
  }

  /** A state that keeps its cache from one `generate` to the next. Dispose it. */
  createState(options?: StateOptions): GenerationState {
    return new GenerationState(this.model, options);
  }

  /**
   * A state as the bytes of a file, for {@link restoreState} in this process or another: a long
   * prompt is then computed once.
   *
   * @throws {UnsupportedModelError} when the model's states cannot be saved.
   *
   * @example
   * ```ts
   * using state = model.createState();
   * for await (const _ of model.generate(prompt, { state, maxTokens: 1 }));
   * await writeFile("prompt.kv", model.saveState(state));
   * ```
   */
  saveState(state: GenerationState): Uint8Array<ArrayBuffer> {
    const cache = state.sequence.savable;
    if (cache === undefined) throw this.#cannotSave();
    return saveCache(cache, { model: this.fingerprint, tokenIds: state.tokenIds });
  }

  /**
   * The state that {@link saveState} wrote. Dispose it.
   *
   * @param file - The whole file.
   * @param options - The cache that the state was saved from, unless it keeps every token as it is.
   * @throws {CacheFileError} when the file is damaged, of another version, or of another model.
   */
  restoreState(file: Uint8Array, options?: StateOptions): GenerationState {
    const state = this.createState(options);
    try {
      const cache = state.sequence.savable;
      if (cache === undefined) throw this.#cannotSave();
      state.append(restoreCache(cache, file, { model: this.fingerprint }).tokenIds);
      return state;
    } catch (error) {
      state.dispose();
      throw error;
    }
  }

  /**
   * The token ids of a conversation in the model's chat format, ready for the answer.
   *
   * Special tokens inside a message's content are the conversation's own text, so a user can write
   * them but not act through them.
   *
   * @throws {UnsupportedModelError} when the checkpoint has no chat template.
   */
  encodeChat(
    messages: readonly ChatMessage[],
    { addGenerationPrompt = true }: { readonly addGenerationPrompt?: boolean } = {},
  ): number[] {
    if (this.chatTemplate === undefined) {
      throw new UnsupportedModelError(
        `${this.name} has no chat template; give it plain text instead of messages`,
      );
    }
    return encodeChat(this.tokenizer, this.chatTemplate, messages, { addGenerationPrompt });
  }

  /**
   * Generates an answer to `promptTokenIds`, which `tokenizer.encode` or {@link encodeChat} make.
   * Iterate for the text as it comes; the value at the end is the whole result.
   *
   * @throws {ContextLengthError} when the prompt leaves no room for an answer.
   */
  generate(
    promptTokenIds: readonly number[],
    options?: GenerateOptions,
  ): AsyncGenerator<GenerationEvent, GenerationResult> {
    return generate(this, promptTokenIds, options);
  }

  /** Gives all memory back. */
  dispose(): void {
    this.model.dispose();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #cannotSave(): UnsupportedModelError {
    return new UnsupportedModelError(
      `the states of ${this.architecture} models cannot be saved; compute the prompt again`,
      { architecture: this.architecture },
    );
  }
}

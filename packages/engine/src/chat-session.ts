import { type ChatMessage, InvalidArgumentError } from "@x/models";
import { Generation, type GenerationSource } from "./generation";
import type { GenerationOptions } from "./generation-options";
import type { GenerationResult } from "./generation-result";
import type { TextGenerator } from "./text-generator";

/** Settings of a {@link ChatSession}. */
export interface ChatSessionOptions extends Omit<GenerationOptions, "n" | "signal"> {
  /** What the model is told before the conversation. Default: what its chat template says. */
  readonly system?: string | undefined;
}

/**
 * A conversation: it keeps the messages, and each turn gives the model all of them. The engine's
 * prefix cache holds what was said before, so a turn costs its new text only.
 *
 * @example
 * ```ts
 * const chat = new ChatSession(engine, { system: "Answer briefly.", maxTokens: 64 });
 * for await (const piece of chat.send("Name a river.").textStream()) process.stdout.write(piece);
 * const { text } = await chat.send("And a mountain?");
 * ```
 */
export class ChatSession {
  readonly #generator: TextGenerator;
  readonly #options: Omit<ChatSessionOptions, "system">;
  #messages: readonly ChatMessage[];
  #isBusy = false;

  constructor(generator: TextGenerator, { system, ...options }: ChatSessionOptions = {}) {
    this.#generator = generator;
    this.#options = options;
    this.#messages = system === undefined ? [] : [{ role: "system", content: system }];
  }

  /** What was said so far. */
  get messages(): readonly ChatMessage[] {
    return this.#messages;
  }

  /**
   * Says something and starts the answer. Both join the conversation when the answer has ended, also
   * when it was cut short; nothing does when it fails.
   *
   * @throws {InvalidArgumentError} while another answer runs; otherwise as `generate`.
   */
  send(content: string, options: Omit<GenerationOptions, "n"> = {}): Generation {
    if (this.#isBusy) {
      throw new InvalidArgumentError("send: the last answer still runs; wait for it or cancel it");
    }
    const messages = [...this.#messages, { role: "user", content }];
    const generation = this.#generator.generate(messages, { ...this.#options, ...options });
    this.#isBusy = true;
    const result = this.#record(messages, generation);
    result.catch(() => {});
    return new Generation(recorded(generation, result));
  }

  async #record(
    messages: readonly ChatMessage[],
    generation: Generation,
  ): Promise<GenerationResult> {
    try {
      const result = await generation.result();
      this.#messages = [...messages, { role: "assistant", content: result.text }];
      return result;
    } finally {
      this.#isBusy = false;
    }
  }
}

/** The generation, whose end is seen only once it is on record. */
function recorded(generation: Generation, result: Promise<GenerationResult>): GenerationSource {
  return {
    async next() {
      const events = await generation.next();
      if (events === undefined) await result;
      return events;
    },
    result: () => result,
    cancel: () => generation.cancel(),
  };
}

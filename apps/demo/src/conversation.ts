import type { ChatMessage, LanguageModel } from "@x/models";

/** A prompt that fits into the model's context. */
export interface ConversationPrompt {
  readonly tokenIds: number[];
  /** Messages that had to be forgotten for it. */
  readonly forgottenMessages: number;
}

/** The messages of a chat, oldest first, with a system prompt that stays. */
export class Conversation {
  /** Undefined: the chat template decides. */
  system: string | undefined;
  #messages: ChatMessage[] = [];

  constructor(system?: string) {
    this.system = system;
  }

  get messages(): readonly ChatMessage[] {
    return this.#messages;
  }

  add(role: "user" | "assistant", content: string): void {
    this.#messages.push({ role, content });
  }

  /** Takes the last message back. */
  removeLast(): void {
    this.#messages.pop();
  }

  /** Forgets all messages; the system prompt stays. */
  reset(): void {
    this.#messages = [];
  }

  /**
   * The token ids to answer, with room for `answerTokens`. While they do not fit, the oldest
   * question goes together with its answer. A last question that does not fit even alone changes
   * nothing: its token ids come back for the model to refuse.
   */
  encode(
    model: Pick<LanguageModel, "contextLength" | "encodeChat">,
    answerTokens: number,
  ): ConversationPrompt {
    for (let start = 0; ; start += 2) {
      const messages = [...this.#systemMessages(), ...this.#messages.slice(start)];
      const tokenIds = model.encodeChat(messages);
      const isLast = start + 2 >= this.#messages.length;
      const room = isLast ? 1 : answerTokens;
      if (tokenIds.length + room <= model.contextLength) {
        this.#messages.splice(0, start);
        return { tokenIds, forgottenMessages: start };
      }
      if (isLast) return { tokenIds, forgottenMessages: 0 };
    }
  }

  #systemMessages(): ChatMessage[] {
    return this.system === undefined ? [] : [{ role: "system", content: this.system }];
  }
}

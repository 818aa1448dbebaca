import { batch, computed, signal } from "@preact/signals";
import { RequestFailure } from "./request-failure";
import { type ChatMessage, type ChatRequest, type ChatUsage, streamChat } from "./stream-chat";
import { Turn } from "./turn";

/** How a conversation's answers are made. Undefined leaves the choice to the server. */
export interface ConversationSettings {
  readonly systemPrompt: string;
  readonly temperature: number;
  readonly maxTokens: number | undefined;
  readonly seed: number | undefined;
}

/** Settings of a first conversation. */
export const defaultSettings: ConversationSettings = {
  systemPrompt: "",
  temperature: 0.2,
  maxTokens: 256,
  seed: undefined,
};

/** One column: its settings, its turns, and the answer that runs. */
export class Conversation {
  /** Counted from 0; the lowest that was free. Gives the letter and the colour. */
  readonly index: number;
  readonly settings;
  readonly turns = signal<readonly Turn[]>([]);
  readonly draft = signal("");
  /** The running answer's name in the scheduler. */
  readonly requestId = signal<string | undefined>(undefined);
  readonly isRunning = computed(() => this.turns.value.at(-1)?.isRunning ?? false);
  #stop: AbortController | undefined;

  constructor(index: number, settings: ConversationSettings) {
    this.index = index;
    this.settings = signal(settings);
  }

  /** A to Z, then A2. */
  get letter(): string {
    const letter = String.fromCharCode(65 + (this.index % 26));
    return this.index < 26 ? letter : `${letter}${Math.floor(this.index / 26) + 1}`;
  }

  changeSettings(changed: Partial<ConversationSettings>): void {
    this.settings.value = { ...this.settings.peek(), ...changed };
  }

  /** Asks, unless an answer runs or there is nothing to ask. */
  send(question: string): void {
    if (this.isRunning.peek() || question.trim() === "") return;
    const turn = new Turn(question);
    const messages = this.#messages(question);
    this.turns.value = [...this.turns.peek(), turn];
    void this.#answer(turn, messages);
  }

  /** Asks the last question again. */
  retry(): void {
    const last = this.turns.peek().at(-1);
    if (last === undefined || last.isRunning) return;
    this.turns.value = this.turns.peek().slice(0, -1);
    this.send(last.question);
  }

  /** Ends the answer that runs; what came of it stays. */
  stop(): void {
    this.#stop?.abort();
  }

  /** Begins anew, with the same settings. */
  clear(): void {
    this.stop();
    this.turns.value = [];
  }

  /** All that was said, and `question`. */
  #messages(question: string): ChatMessage[] {
    const messages: ChatMessage[] = [];
    const { systemPrompt } = this.settings.peek();
    if (systemPrompt.trim() !== "") messages.push({ role: "system", content: systemPrompt });
    for (const turn of this.turns.peek()) {
      messages.push({ role: "user", content: turn.question });
      const answer = turn.answer.peek();
      if (answer !== "") messages.push({ role: "assistant", content: answer });
    }
    return [...messages, { role: "user", content: question }];
  }

  async #answer(turn: Turn, messages: readonly ChatMessage[]): Promise<void> {
    const stop = new AbortController();
    this.#stop = stop;
    const sentAt = performance.now();
    let firstTextAt: number | undefined;
    let usage: ChatUsage | undefined;
    try {
      for await (const event of streamChat(this.#toRequest(messages), stop.signal)) {
        switch (event.type) {
          case "accept":
            this.requestId.value = event.requestId;
            break;
          case "text-delta":
            firstTextAt ??= performance.now();
            batch(() => {
              turn.answer.value += event.text;
              turn.state.value = { name: "streaming" };
            });
            break;
          case "end":
            usage = event.usage;
            turn.state.value = { name: "complete", finishReason: event.finishReason };
            break;
          default:
            event satisfies never;
        }
      }
    } catch (error) {
      turn.state.value = stop.signal.aborted
        ? { name: "stopped" }
        : { name: "failed", failure: toFailure(error) };
    } finally {
      const endedAt = performance.now();
      turn.figures.value = {
        usage,
        firstTextMs: firstTextAt === undefined ? undefined : firstTextAt - sentAt,
        streamMs: endedAt - (firstTextAt ?? endedAt),
      };
      if (this.#stop === stop) {
        this.#stop = undefined;
        this.requestId.value = undefined;
      }
    }
  }

  #toRequest(messages: readonly ChatMessage[]): ChatRequest {
    const { temperature, maxTokens, seed } = this.settings.peek();
    return {
      messages,
      temperature,
      ...(maxTokens !== undefined && { max_tokens: maxTokens }),
      ...(seed !== undefined && { seed }),
    };
  }
}

function toFailure(error: unknown): RequestFailure {
  if (error instanceof RequestFailure) return error;
  return new RequestFailure("failed", error instanceof Error ? error.message : String(error));
}

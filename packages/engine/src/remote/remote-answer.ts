import type {
  GenerationEvent,
  GenerationFinishReason,
  GenerationOutput,
  PositionLogprobs,
} from "../generation-result";
import { readLogprobs } from "./read-logprobs";
import type { RemoteChoice } from "./read-server-events";

/** One answer while a server sends it. */
export class RemoteAnswer {
  readonly index: number;
  #text = "";
  readonly #tokenIds: number[] = [];
  #logprobs: PositionLogprobs[] | undefined;
  #end: Pick<GenerationOutput, "finishReason" | "stopReason"> | undefined;

  constructor(index: number) {
    this.index = index;
  }

  /** Generated tokens that the server named. */
  get numTokens(): number {
    return this.#tokenIds.length;
  }

  /** Takes what is new, and gives the events that it makes. */
  append(choice: RemoteChoice): GenerationEvent[] {
    const { index } = this;
    const text = choice.delta?.content ?? choice.text ?? "";
    const tokenIds = choice.token_ids ?? [];
    const logprobs = choice.logprobs ? readLogprobs(choice.logprobs, tokenIds) : undefined;
    this.#text += text;
    this.#tokenIds.push(...tokenIds);
    if (logprobs !== undefined) this.#logprobs = [...(this.#logprobs ?? []), ...logprobs];
    const events: GenerationEvent[] = [];
    if (text !== "" || tokenIds.length > 0) {
      events.push({ type: "text-delta", index, text, tokenIds, ...(logprobs && { logprobs }) });
    }
    if (choice.finish_reason) {
      events.push(...this.finish(toFinishReason(choice.finish_reason), choice.stop_reason));
    }
    return events;
  }

  /** Ends it, unless it has ended. */
  finish(
    finishReason: GenerationFinishReason,
    stopReason?: string | number | null,
  ): GenerationEvent[] {
    if (this.#end !== undefined) return [];
    this.#end = { finishReason, stopReason: stopReason ?? undefined };
    return [{ type: "finish", index: this.index, ...this.#end }];
  }

  /** The answer as it stands. */
  output(): GenerationOutput {
    return {
      index: this.index,
      text: this.#text,
      tokenIds: this.#tokenIds,
      ...(this.#end ?? { finishReason: "abort", stopReason: undefined }),
      ...(this.#logprobs && { logprobs: this.#logprobs }),
    };
  }
}

/** Servers have more reasons, such as filters; what they have in common is that the answer stops. */
function toFinishReason(reason: string): GenerationFinishReason {
  return reason === "length" || reason === "abort" ? reason : "stop";
}

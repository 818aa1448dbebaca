import type { GenerationFinishReason } from "./generation-result";

/** What an engine reports as it works, for metrics. Times are in milliseconds. */
export type EngineEvent =
  /** A request was accepted and waits to run. */
  | { readonly type: "request-add"; readonly id: string; readonly promptTokens: number }
  /** The model ran once. */
  | {
      readonly type: "step";
      readonly numTokens: number;
      readonly numSequences: number;
      readonly durationMs: number;
    }
  /** An answer grew. */
  | {
      readonly type: "tokens-generate";
      readonly id: string;
      readonly numTokens: number;
      /** Since the answer's last token; since the request was accepted, for the first. */
      readonly sinceLastMs: number;
      readonly isFirst: boolean;
    }
  /** A request ended: once for each of its answers. */
  | {
      readonly type: "request-finish";
      readonly id: string;
      readonly index: number;
      /** `error` when the model failed under it. */
      readonly finishReason: GenerationFinishReason | "error";
      readonly promptTokens: number;
      readonly cachedTokens: number;
      readonly completionTokens: number;
      readonly maxTokens: number | undefined;
      /** From acceptance to the first step that contained the request. */
      readonly queueMs: number;
      /** From there to the first token. */
      readonly prefillMs: number;
      /** From the first token to the last. */
      readonly decodeMs: number;
      /** From acceptance to the end. */
      readonly totalMs: number;
    };

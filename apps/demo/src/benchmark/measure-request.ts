import type { GenerationOptions, TextGenerator } from "@x/engine";
import type { WorkItem } from "./workload";

/** What one request took. Times are in milliseconds. */
export type RequestRecord =
  | {
      readonly ok: true;
      readonly promptTokens: number;
      readonly outputTokens: number;
      /** Time to the first token. */
      readonly ttft: number;
      /** Times between the pieces that came after it. */
      readonly itl: readonly number[];
      /** Time per output token after the first; `undefined` for one token. */
      readonly tpot: number | undefined;
      /** Time to the end. */
      readonly e2el: number;
    }
  | { readonly ok: false; readonly error: string };

/** Sends one request and takes the times. */
export async function measureRequest(
  engine: TextGenerator,
  { prompt, maxTokens }: WorkItem,
  options: GenerationOptions,
): Promise<RequestRecord> {
  const startedAt = performance.now();
  const arrivals: number[] = [];
  try {
    const generation = engine.generate(prompt, { ...options, maxTokens });
    for await (const event of generation) {
      if (event.type === "text-delta") arrivals.push(performance.now() - startedAt);
    }
    const { promptTokens, completionTokens, outputs } = await generation;
    const e2el = performance.now() - startedAt;
    if (outputs[0]?.finishReason === "abort") return { ok: false, error: "aborted" };
    const outputTokens = completionTokens > 0 ? completionTokens : arrivals.length;
    const ttft = arrivals[0] ?? e2el;
    return {
      ok: true,
      promptTokens,
      outputTokens,
      ttft,
      itl: arrivals.slice(1).map((at, index) => at - (arrivals[index] ?? 0)),
      tpot: outputTokens > 1 ? (e2el - ttft) / (outputTokens - 1) : undefined,
      e2el,
    };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
}

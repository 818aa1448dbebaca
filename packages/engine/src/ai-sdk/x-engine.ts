import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3FinishReason,
  LanguageModelV3StreamPart,
  LanguageModelV3Usage,
} from "@ai-sdk/provider";
import type { GenerationFinishReason, GenerationResult } from "../generation-result";
import type { TextGenerator } from "../text-generator";
import { streamParts } from "./stream-parts";
import { toChatMessages } from "./to-chat-messages";
import { toGenerationOptions } from "./to-generation-options";

/** Settings of {@link xEngine}. */
export interface XLanguageModelOptions {
  /** Id under which the SDK reports the model. Default: the engine's name for it. */
  readonly modelId?: string | undefined;
}

/**
 * An engine as a language model for `generateText`, `streamText` and the rest of the Vercel AI SDK
 * (`ai` version 6): in this process, without a server.
 *
 * Tools are not supported: the SDK gets a warning. Settings that the SDK has no name for go into
 * `providerOptions: { x: { minP: 0.1 } }`.
 *
 * @param engine - An engine of this process, or a remote one. It stays the caller's.
 *
 * @example
 * ```ts
 * import { createEngine } from "@x/engine";
 * import { xEngine } from "@x/engine/ai-sdk";
 * import { generateText } from "ai";
 *
 * using engine = createEngine({ model });
 * const { text } = await generateText({ model: xEngine(engine), prompt: "Name three rivers." });
 * ```
 */
export function xEngine(
  engine: TextGenerator,
  { modelId = engine.modelName }: XLanguageModelOptions = {},
): LanguageModelV3 {
  const start = (call: LanguageModelV3CallOptions) => {
    const { options, warnings } = toGenerationOptions(call);
    call.abortSignal?.throwIfAborted();
    return { generation: engine.generate(toChatMessages(call.prompt), options), warnings };
  };
  return {
    specificationVersion: "v3",
    provider: "x",
    modelId,
    supportedUrls: {},
    async doGenerate(call) {
      const { generation, warnings } = start(call);
      const result = await generation;
      call.abortSignal?.throwIfAborted();
      return {
        content: [{ type: "text", text: result.text }],
        finishReason: toFinishReason(result.outputs[0]?.finishReason),
        usage: toUsage(result),
        warnings,
      };
    },
    async doStream(call) {
      const { generation, warnings } = start(call);
      const parts = streamParts(generation, call.abortSignal, (result) => ({
        type: "finish",
        finishReason: toFinishReason(result.outputs[0]?.finishReason),
        usage: toUsage(result),
      }));
      return { stream: toReadableStream({ type: "stream-start", warnings }, parts) };
    },
  };
}

/** A stream that takes the next part when its reader wants it, and ends `parts` when it leaves. */
function toReadableStream(
  first: LanguageModelV3StreamPart,
  parts: AsyncGenerator<LanguageModelV3StreamPart, void, undefined>,
): ReadableStream<LanguageModelV3StreamPart> {
  return new ReadableStream<LanguageModelV3StreamPart>(
    {
      start: (controller) => controller.enqueue(first),
      async pull(controller) {
        const { done, value } = await parts.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await parts.return();
      },
    },
    { highWaterMark: 0 },
  );
}

function toFinishReason(reason: GenerationFinishReason | undefined): LanguageModelV3FinishReason {
  return { unified: reason === "stop" || reason === "length" ? reason : "other", raw: reason };
}

function toUsage(result: GenerationResult): LanguageModelV3Usage {
  const { promptTokens, cachedTokens, completionTokens } = result;
  return {
    inputTokens: {
      total: promptTokens,
      noCache: promptTokens - cachedTokens,
      cacheRead: cachedTokens,
      cacheWrite: undefined,
    },
    outputTokens: { total: completionTokens, text: completionTokens, reasoning: undefined },
  };
}

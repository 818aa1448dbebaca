import { readEvents } from "../read-events";
import { fetchWithKey } from "../server-key";
import { RequestFailure, readFailure, sentence } from "./request-failure";

/** A message of a conversation, as the server takes it. */
export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** What is asked of `/v1/chat/completions`. */
export interface ChatRequest {
  readonly messages: readonly ChatMessage[];
  readonly temperature: number;
  readonly max_tokens?: number;
  readonly seed?: number;
}

/** Tokens that an answer took. */
export interface ChatUsage {
  readonly promptTokens: number;
  /** Of the prompt, those that the prefix cache held. */
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

/** What happens to a request. */
export type ChatEvent =
  /** The server works on it, under this name in the scheduler's view. */
  | { readonly type: "accept"; readonly requestId: string | undefined }
  | { readonly type: "text-delta"; readonly text: string }
  | { readonly type: "end"; readonly finishReason: string; readonly usage: ChatUsage | undefined };

/** A piece of a streamed answer, or the error that ended it. */
interface Chunk {
  readonly choices?: readonly {
    readonly delta: { readonly content?: string };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly prompt_tokens_details?: { readonly cached_tokens?: number };
  } | null;
  readonly error?: { readonly message: string };
}

/**
 * Asks for the next turn of a conversation and streams it.
 *
 * @param signal - Ends the answer, on the server too; the generator then throws its reason.
 * @throws {RequestFailure} in words for the reader.
 */
export async function* streamChat(
  request: ChatRequest,
  signal: AbortSignal,
): AsyncGenerator<ChatEvent, void, undefined> {
  const response = await send(request, signal);
  yield { type: "accept", requestId: response.headers.get("x-request-id") ?? undefined };
  let finishReason = "stop";
  let usage: ChatUsage | undefined;
  try {
    for await (const data of readEvents(response)) {
      if (data === "[DONE]") {
        yield { type: "end", finishReason, usage };
        return;
      }
      const chunk = JSON.parse(data) as Chunk;
      if (chunk.error) throw new RequestFailure("failed", sentence(chunk.error.message));
      if (chunk.usage) usage = toUsage(chunk.usage);
      const [choice] = chunk.choices ?? [];
      finishReason = choice?.finish_reason ?? finishReason;
      const text = choice?.delta.content ?? "";
      if (text !== "") yield { type: "text-delta", text };
    }
  } catch (error) {
    if (error instanceof RequestFailure) throw error;
    signal.throwIfAborted();
  }
  signal.throwIfAborted();
  throw new RequestFailure("lost", "The answer broke off before its end.");
}

async function send(request: ChatRequest, signal: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetchWithKey("/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...request, stream: true, stream_options: { include_usage: true } }),
      signal,
    });
  } catch {
    signal.throwIfAborted();
    throw new RequestFailure("unreachable", "Check that it runs, then try again.");
  }
  if (!response.ok) throw await readFailure(response);
  return response;
}

function toUsage(usage: NonNullable<Chunk["usage"]>): ChatUsage {
  return {
    promptTokens: usage.prompt_tokens,
    cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
    completionTokens: usage.completion_tokens,
  };
}

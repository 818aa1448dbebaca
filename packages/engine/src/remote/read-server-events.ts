import { createParser } from "eventsource-parser";
import { RemoteEngineError } from "../errors";

/** The fields of a streamed answer that are read, of chats and of completions. */
export interface RemoteChunk {
  readonly choices?: readonly RemoteChoice[];
  readonly usage?: RemoteUsage | null;
  readonly prompt_token_ids?: readonly number[] | null;
  readonly error?: { readonly message?: string };
}

/** What is new of one answer. */
export interface RemoteChoice {
  readonly index?: number;
  /** In completions. */
  readonly text?: string;
  /** In chats. */
  readonly delta?: { readonly content?: string | null };
  readonly logprobs?: RemoteLogprobs | null;
  readonly finish_reason?: string | null;
  readonly stop_reason?: string | number | null;
  readonly token_ids?: readonly number[] | null;
  readonly prompt_token_ids?: readonly number[] | null;
}

/** Log-probabilities: `content` in chats, the lists in completions. */
export interface RemoteLogprobs {
  readonly content?: readonly RemoteTokenLogprob[] | null;
  readonly tokens?: readonly string[];
  readonly token_logprobs?: readonly (number | null)[];
  readonly top_logprobs?: readonly (Readonly<Record<string, number>> | null)[];
}

/** One token in a chat's log-probabilities. */
export interface RemoteTokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes?: readonly number[] | null;
  readonly top_logprobs?: readonly RemoteTokenLogprob[];
}

/** Counts of tokens. */
export interface RemoteUsage {
  readonly prompt_tokens?: number;
  readonly completion_tokens?: number;
  readonly prompt_tokens_details?: { readonly cached_tokens?: number | null } | null;
}

/**
 * The chunks of a stream of server-sent events, up to `[DONE]` or its end.
 *
 * @throws {RemoteEngineError} for an event that is not JSON or that reports an error.
 */
export async function* readServerEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<RemoteChunk, void, undefined> {
  const waiting: string[] = [];
  const parser = createParser({ onEvent: ({ data }) => waiting.push(data) });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      for (const data of waiting.splice(0)) {
        if (data === "[DONE]") return;
        yield parseChunk(data);
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function parseChunk(data: string): RemoteChunk {
  let chunk: RemoteChunk;
  try {
    chunk = JSON.parse(data);
  } catch (cause) {
    throw new RemoteEngineError(
      `the server streams an event that is not JSON: ${data.slice(0, 100)}`,
      {},
      { cause },
    );
  }
  if (chunk.error === undefined) return chunk;
  throw new RemoteEngineError(
    `the server failed while it answered: ${chunk.error.message ?? data.slice(0, 100)}`,
    { error: chunk.error },
  );
}

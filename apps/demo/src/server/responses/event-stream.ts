import { toApiError } from "../to-api-error";

/** A stream of server-sent events, and what to do when its reader leaves. */
export interface EventStreamOptions {
  /** Sent after the last event. */
  readonly end?: string;
  readonly onCancel: () => void;
  /** Told of failures; the reader learns of them too. */
  readonly onError?: (error: unknown) => void;
}

/**
 * `events` as server-sent events, each the JSON of one.
 *
 * An event is asked for only when the reader has taken the one before, so that a slow reader holds up
 * nothing but itself.
 */
export function eventStream(events: AsyncIterable<object>, options: EventStreamOptions): Response {
  const iterator = events[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  const { end, onCancel, onError } = options;
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const send = (data: string) => {
          // The reader can leave while the next event is awaited.
          if (!isCancelled) controller.enqueue(encoder.encode(`data: ${data}\n\n`));
        };
        try {
          const { done, value } = await iterator.next();
          if (!done) return send(JSON.stringify(value));
        } catch (error) {
          onError?.(error);
          send(JSON.stringify(toApiError(error).body));
        }
        if (end !== undefined) send(end);
        if (!isCancelled) controller.close();
      },
      async cancel() {
        isCancelled = true;
        onCancel();
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
    },
  });
}

import { EventSourceParserStream } from "eventsource-parser/stream";

/** The data of a response's server-sent events, one after another. */
export async function* readEvents({ body }: Response): AsyncGenerator<string, void, undefined> {
  if (body === null) return;
  const reader = body
    // The two disagree only on whether the bytes may be shared memory.
    .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .pipeThrough(new EventSourceParserStream())
    .getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value.data;
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
}

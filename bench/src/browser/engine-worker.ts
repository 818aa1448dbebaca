import { byteSourceFromBlob } from "@x/models";
import { type DecodeEngine, openOurs } from "../decode-engine";
import type { BrowserEngineOptions } from "./browser-engine";

/** What a page asks of its engine. */
export type EngineRequest =
  | ({ readonly type: "open" } & BrowserEngineOptions)
  | { readonly type: "read-prompt"; readonly tokenIds: readonly number[] }
  | { readonly type: "decode"; readonly tokenIds: readonly number[]; readonly steps: number };

/** Milliseconds that a request took, or why it failed. */
export type EngineReply = { readonly elapsedMs: number } | { readonly error: string };

let engine: DecodeEngine | undefined;

async function answer(request: EngineRequest): Promise<number> {
  if (request.type === "open") {
    const { model, ...options } = request;
    const begin = performance.now();
    engine = await openOurs(byteSourceFromBlob(model, "model.gguf"), options);
    return performance.now() - begin;
  }
  if (engine === undefined) throw new Error("no model is open");
  if (request.type === "read-prompt") return engine.readPrompt(request.tokenIds);
  const sequences = await engine.openSequences([request.tokenIds]);
  const elapsedMs = await sequences.decode(request.steps);
  await sequences.close();
  return elapsedMs;
}

self.onmessage = async ({ data }: MessageEvent<EngineRequest>) => {
  let reply: EngineReply;
  try {
    reply = { elapsedMs: await answer(data) };
  } catch (error) {
    reply = { error: String(error) };
  }
  self.postMessage(reply);
};

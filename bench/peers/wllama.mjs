import { Wllama } from "./node_modules/@wllama/wllama/esm/index.js";

const wasmUrl = new URL("./node_modules/@wllama/wllama/esm/wasm/wllama.wasm", import.meta.url).href;

/**
 * Loads a GGUF model into llama.cpp as WebAssembly, in a page, on the processor. Times are those that
 * it takes itself, without the messages between its worker and the page.
 *
 * @param {object} options
 * @param {Blob} options.model - The GGUF file.
 * @param {number} options.threads - Threads that llama.cpp computes with.
 * @param {number} options.contextSize - Most tokens of a sequence.
 * @returns {Promise<Peer>}
 *
 * @typedef {object} Peer
 * @property {(prompt: Prompt) => Promise<number>} readPrompt - Milliseconds until the token after a
 *   prompt is known, from an empty cache.
 * @property {(prompt: Prompt, steps: number) => Promise<number>} decode - Continues the prompt
 *   greedily, past any end; milliseconds of `steps` tokens after the prompt's own.
 *
 * @typedef {{ text: string, tokenIds: readonly number[] }} Prompt
 */
export async function openPeer({ model, threads, contextSize }) {
  const quiet = { debug() {}, log() {}, warn() {}, error: console.error };
  const wllama = new Wllama({ default: wasmUrl }, { logger: quiet, suppressNativeLog: true });
  await wllama.loadModel([model], {
    n_threads: threads,
    n_ctx: contextSize,
    n_gpu_layers: 0,
    n_parallel: 1,
  });
  if (wllama.isMultithread() !== threads > 1) throw new Error("wllama runs on one thread here");

  async function complete({ text, tokenIds }, tokens, isCached) {
    const { timings } = await wllama.createCompletion({
      prompt: text,
      max_tokens: tokens,
      temperature: 0,
      ignore_eos: true,
      cache_prompt: isCached,
    });
    const { prompt_n, cache_n, predicted_n } = timings;
    if (prompt_n + cache_n !== tokenIds.length || predicted_n !== tokens) {
      throw new Error(`wllama read ${prompt_n} + ${cache_n} tokens and wrote ${predicted_n}`);
    }
    return timings;
  }

  return {
    readPrompt: async (prompt) => {
      const { prompt_ms, cache_n } = await complete(prompt, 1, false);
      if (cache_n > 0) throw new Error(`wllama kept ${cache_n} tokens`);
      return prompt_ms;
    },
    // Its clock starts when the first token is known.
    decode: async (prompt, steps) => {
      const { predicted_ms } = await complete(prompt, steps + 1, true);
      return predicted_ms;
    },
  };
}

import { getLlama } from "node-llama-cpp";

/**
 * Loads a GGUF model into llama.cpp on the CPU, for a harness that runs in the same process.
 *
 * @param {object} options
 * @param {string} options.modelPath - Path of the GGUF file.
 * @param {number} options.threads - Threads that llama.cpp computes with.
 * @param {number} [options.contextSize] - Most tokens of prompt and answer together; default 2048.
 * @returns {Promise<Peer>}
 *
 * @typedef {object} Peer
 * @property {(run: { promptTokens: readonly number[], newTokens: number }) => Promise<PeerRun>} decode
 *   Continues a prompt greedily by `newTokens` tokens, past any end token, from an empty cache.
 * @property {() => Promise<void>} dispose - Frees the model and its threads.
 *
 * @typedef {object} PeerRun
 * @property {number} prefillMs - Time until the first new token is known.
 * @property {number} decodeMs - Time of the other `newTokens - 1` tokens.
 * @property {number[]} tokens - The new tokens.
 */
export async function openPeer({ modelPath, threads, contextSize = 2048 }) {
  const llama = await getLlama({
    gpu: false,
    build: "never",
    progressLogs: false,
    logLevel: "error",
    maxThreads: threads,
  });
  const model = await llama.loadModel({ modelPath });
  const context = await model.createContext({ contextSize, threads, batchSize: 512 });
  const sequence = context.getSequence();

  async function decode({ promptTokens, newTokens }) {
    await sequence.clearHistory();
    const tokens = [];
    const begin = performance.now();
    let prefilled = begin;
    let pending = promptTokens;
    while (tokens.length < newTokens) {
      const token = await evaluateGreedily(sequence, pending);
      if (tokens.length === 0) prefilled = performance.now();
      tokens.push(token);
      pending = [token];
    }
    return { prefillMs: prefilled - begin, decodeMs: performance.now() - prefilled, tokens };
  }

  async function dispose() {
    await context.dispose();
    await model.dispose();
    await llama.dispose();
  }

  return { decode, dispose };
}

/** Appends tokens to the sequence and returns the likeliest next one. */
async function evaluateGreedily(sequence, tokens) {
  const last = tokens.length - 1;
  // evaluate() would stop at an end token; this call does not, so every run has the same length.
  const results = await sequence.controlledEvaluate([
    ...tokens.slice(0, last),
    [tokens[last], { generateNext: { token: true, options: { temperature: 0 } } }],
  ]);
  return results[last].next.token;
}

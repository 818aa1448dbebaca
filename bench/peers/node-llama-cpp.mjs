import { getLlama } from "node-llama-cpp";

/**
 * Loads a GGUF model into llama.cpp on the CPU, for a harness that runs in the same process.
 *
 * @param {object} options
 * @param {string} options.modelPath - Path of the GGUF file.
 * @param {number} options.threads - Threads that llama.cpp computes with.
 * @param {number} options.contextSize - Most tokens of a sequence.
 * @returns {Promise<Peer>}
 *
 * @typedef {object} Peer
 * @property {(promptTokens: readonly number[]) => Promise<number>} readPrompt - Milliseconds until the
 *   token after a prompt is known, from an empty cache.
 * @property {(prompts: readonly (readonly number[])[]) => Promise<Sequences>} openSequences - Reads
 *   prompts, for sequences that decode together.
 * @property {() => Promise<void>} dispose - Frees the model and its threads.
 *
 * @typedef {object} Sequences
 * @property {(steps: number) => Promise<number>} decode - Continues all greedily by `steps` tokens,
 *   past any end token, and forgets those again; milliseconds.
 * @property {() => Promise<void>} close - Frees their memory.
 */
export async function openPeer({ modelPath, threads, contextSize }) {
  const llama = await getLlama({
    gpu: false,
    build: "never",
    progressLogs: false,
    logLevel: "error",
    maxThreads: threads,
  });
  const model = await llama.loadModel({ modelPath });

  async function openContext(sequences) {
    const context = await model.createContext({ contextSize, threads, batchSize: 512, sequences });
    return { context, all: Array.from({ length: sequences }, () => context.getSequence()) };
  }

  const single = await openContext(1);

  async function readPrompt(promptTokens) {
    const [sequence] = single.all;
    await sequence.clearHistory();
    const begin = performance.now();
    await evaluateGreedily(sequence, promptTokens);
    return performance.now() - begin;
  }

  async function openSequences(prompts) {
    const { context, all } = await openContext(prompts.length);
    // One after the other: all but the last token, which each decoding starts with.
    for (const [index, sequence] of all.entries()) {
      await sequence.evaluateWithoutGeneratingNewTokens(prompts[index].slice(0, -1));
    }
    const lengths = prompts.map((prompt) => prompt.length - 1);
    async function decode(steps) {
      let tokens = prompts.map((prompt) => prompt.at(-1));
      const begin = performance.now();
      for (let step = 0; step < steps; step++) {
        // What is asked for at once is computed as one batch.
        tokens = await Promise.all(
          all.map((sequence, index) => evaluateGreedily(sequence, [tokens[index]])),
        );
      }
      const elapsed = performance.now() - begin;
      for (const [index, sequence] of all.entries()) {
        const { nextTokenIndex } = sequence;
        await sequence.eraseContextTokenRanges([{ start: lengths[index], end: nextTokenIndex }]);
      }
      return elapsed;
    }
    return { decode, close: () => context.dispose() };
  }

  async function dispose() {
    await single.context.dispose();
    await model.dispose();
    await llama.dispose();
  }

  return { readPrompt, openSequences, dispose };
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

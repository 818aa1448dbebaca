import { getLlama } from "node-llama-cpp";

/**
 * Loads a GGUF model into llama.cpp on the CPU to answer several prompts at once: node-llama-cpp
 * puts the tokens of all sequences of a context into common batches.
 *
 * @param {object} options
 * @param {string} options.modelPath - Path of the GGUF file.
 * @param {number} options.threads - Threads that llama.cpp computes with.
 * @param {number} options.sequences - Sequences that run at once.
 */
export async function openParallelPeer({ modelPath, threads, sequences }) {
  const llama = await getLlama({
    gpu: false,
    build: "never",
    progressLogs: false,
    logLevel: "error",
    maxThreads: threads,
  });
  const model = await llama.loadModel({ modelPath });
  const context = await model.createContext({
    contextSize: 1024,
    threads,
    batchSize: 512,
    sequences,
  });
  const slots = Array.from({ length: sequences }, () => context.getSequence());

  async function answer(slot, prompt, newTokens) {
    await slot.clearHistory();
    let pending = [...prompt];
    for (let count = 0; count < newTokens; count++) {
      const last = pending.length - 1;
      const results = await slot.controlledEvaluate([
        ...pending.slice(0, last),
        [pending[last], { generateNext: { token: true, options: { temperature: 0 } } }],
      ]);
      pending = [results[last].next.token];
    }
  }

  async function serve({ prompts, newTokens }) {
    const begin = performance.now();
    await Promise.all(prompts.map((prompt, index) => answer(slots[index], prompt, newTokens)));
    return performance.now() - begin;
  }

  async function dispose() {
    await context.dispose();
    await model.dispose();
    await llama.dispose();
  }

  return { serve, dispose };
}

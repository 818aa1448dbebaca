import { getLlama } from "node-llama-cpp";

/**
 * llama.cpp behind the scheduler's interface: runs one step, returns what was sampled.
 *
 * llama.cpp keeps the keys and values of each sequence by itself, so a request is given one of its
 * sequences and the block tables go unused: blocks are then the unit in which its memory is
 * rationed. Which tokens are computed when, who is preempted and what is rolled back is up to the
 * scheduler.
 */
export class LlamaRuntime {
  #model;
  #context;
  #idleSequences = [];
  #sequences = new Map();

  static async load({ modelPath, numSlots, maxSequences }) {
    // One thread: llama.cpp's threads spin while they wait for each other, which on a machine that
    // is busy otherwise takes seconds per token.
    const threads = 1;
    const llama = await getLlama({
      gpu: false,
      build: "never",
      logLevel: "error",
      maxThreads: threads,
    });
    const model = await llama.loadModel({ modelPath });
    const context = await model.createContext({
      contextSize: Math.min(numSlots, model.trainContextSize),
      sequences: maxSequences,
      threads,
    });
    return new LlamaRuntime(model, context);
  }

  constructor(model, context) {
    this.#model = model;
    this.#context = context;
    while (context.sequencesLeft > 0) this.#idleSequences.push(context.getSequence());
  }

  get endOfSequence() {
    return this.#model.tokens.eos;
  }

  tokenize(text) {
    return this.#model.tokenize(text);
  }

  detokenize(tokens) {
    return this.#model.detokenize(tokens);
  }

  /** One step: every request's tokens go to llama.cpp at once, which computes them as a batch. */
  async run(step) {
    for (const id of [...step.finishedIds, ...step.preemptedIds]) await this.#release(id);
    const sampled = await Promise.all(
      step.scheduled.map((entry, index) => {
        const tokens = step.tokenIds.subarray(step.cuSeqlens[index], step.cuSeqlens[index + 1]);
        return this.#evaluate(entry, tokens);
      }),
    );
    for (const [index, { id, draftTokens }] of step.scheduled.entries()) {
      const numRejected = draftTokens.length - (sampled[index].length - 1);
      if (draftTokens.length > 0) await this.#forget(id, numRejected);
    }
    return sampled;
  }

  async dispose() {
    await this.#context.dispose();
    await this.#model.dispose();
  }

  async #evaluate({ id, numLogitRows, draftTokens }, tokens) {
    const sequence = this.#sequences.get(id) ?? this.#take(id);
    const firstRow = tokens.length - numLogitRows;
    const greedy = { generateNext: { token: true, options: { temperature: 0 } } };
    const results = await sequence.controlledEvaluate(
      Array.from(tokens, (token, row) => (row < firstRow ? token : [token, greedy])),
    );
    const sampled = [];
    for (const result of numLogitRows > 0 ? results.slice(firstRow) : []) {
      const token = result.next.token;
      sampled.push(token);
      if (token !== draftTokens[sampled.length - 1]) break;
    }
    return sampled;
  }

  /** Takes the last tokens of a sequence out of llama.cpp's cache. */
  async #forget(id, numTokens) {
    const sequence = this.#sequences.get(id);
    const end = sequence.nextTokenIndex;
    await sequence.eraseContextTokenRanges([{ start: end - numTokens, end }]);
  }

  #take(id) {
    const sequence = this.#idleSequences.pop();
    this.#sequences.set(id, sequence);
    return sequence;
  }

  async #release(id) {
    const sequence = this.#sequences.get(id);
    if (sequence === undefined) return;
    this.#sequences.delete(id);
    await sequence.clearHistory();
    this.#idleSequences.push(sequence);
  }
}

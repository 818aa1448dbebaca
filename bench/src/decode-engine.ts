import { type ByteSource, type LanguageModel, loadModel } from "@x/models";
import { argmax } from "@x/tensor";

/** Sequences that decode together. */
interface DecodeSequences {
  /** Continues all greedily by `steps` tokens and forgets those again. @returns milliseconds. */
  decode(steps: number): Promise<number>;
  close(): Promise<void>;
}

/** A model in an engine, ours or a peer's, on some number of threads. */
export interface DecodeEngine {
  /** @returns milliseconds until the token after the prompt is known, from an empty cache. */
  readPrompt(promptTokens: readonly number[]): Promise<number>;
  openSequences(prompts: readonly (readonly number[])[]): Promise<DecodeSequences>;
  dispose(): Promise<void>;
}

/** How to open an engine, however it reads its model. */
export interface DecodeEngineOptions {
  readonly threads: number;
  /** Most tokens of a sequence. */
  readonly contextSize: number;
  /** The fewest bits of an activation, of ours. Default 16. */
  readonly activationBits?: 8 | 16;
}

const blockSize = 16;

/** Ours, in Node and in a browser. Sequences lie in blocks of one pool. */
export async function openOurs(
  source: ByteSource,
  { threads, contextSize, activationBits }: DecodeEngineOptions,
): Promise<DecodeEngine & { readonly language: LanguageModel }> {
  const language = await loadModel(source, { threads, activationBits });
  await source.close();
  const { model } = language;
  const { createPagedCache } = model;
  if (createPagedCache === undefined) throw new Error("this engine has no SIMD to run programs");

  return {
    language,
    readPrompt: async (promptTokens) => {
      using state = model.createState();
      const begin = performance.now();
      using logits = model.forward([{ state, tokenIds: promptTokens }]);
      using best = argmax(logits);
      await best.data();
      return performance.now() - begin;
    },
    openSequences: async (prompts) => {
      const blocks = Math.ceil(contextSize / blockSize);
      const cache = createPagedCache({ numBlocks: blocks * prompts.length, blockSize });
      const states = prompts.map((prompt, index) => {
        const state = cache.createState();
        // Spread over the pool, as those of a busy server are.
        const ids = Array.from({ length: blocks }, (_, block) => block * prompts.length + index);
        state.assign(ids, 0);
        const tokenIds = prompt.slice(0, -1);
        model.forward([{ state, tokenIds, logits: "none" }]).dispose();
        return state;
      });
      const lengths = states.map(({ length }) => length);
      return {
        decode: async (steps) => {
          let tokens: ArrayLike<number> = prompts.map((prompt) => prompt.at(-1) ?? 0);
          const begin = performance.now();
          for (let step = 0; step < steps; step++) {
            using logits = model.forward(
              states.map((state, index) => ({ state, tokenIds: [tokens[index] ?? 0] })),
            );
            using best = argmax(logits);
            tokens = await best.data();
          }
          const elapsed = performance.now() - begin;
          for (const [index, state] of states.entries()) state.crop(lengths[index] ?? 0);
          return elapsed;
        },
        close: async () => {
          for (const state of states) state.dispose();
          cache.dispose();
        },
      };
    },
    dispose: async () => language.dispose(),
  };
}

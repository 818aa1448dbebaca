import { type CausalLM, InvalidArgumentError } from "@x/models";
import type { ModelRunner } from "./model-runner";
import { PagedRunner } from "./paged-runner";
import { StateRunner } from "./state-runner";

/** How much memory a runner may take, and for how many sequences of which length. */
export interface RunnerLimits {
  readonly cacheBytes: number;
  readonly blockSize: number;
  readonly maxSequences: number;
}

/** The runner that suits a model, with as many blocks as the memory and the model's context need. */
export function createRunner(
  model: CausalLM,
  { cacheBytes, blockSize, maxSequences }: RunnerLimits,
): ModelRunner {
  const { layers, kvHeads, headDim, contextLength } = model.config;
  if (kvHeads === undefined || headDim === undefined) {
    return createConstantStateRunner(model, cacheBytes, maxSequences);
  }
  const bytesPerBlock = layers * 2 * kvHeads * headDim * Float32Array.BYTES_PER_ELEMENT * blockSize;
  const mostUseful = maxSequences * Math.ceil(contextLength / blockSize) + 1;
  const numBlocks = Math.min(Math.floor(cacheBytes / bytesPerBlock), mostUseful);
  if (numBlocks < 2) {
    throw new InvalidArgumentError(
      `createEngine: cacheBytes ${cacheBytes} is less than two blocks of ${blockSize} tokens take; give at least ${2 * bytesPerBlock}`,
      { cacheBytes, least: 2 * bytesPerBlock },
    );
  }
  const cache = model.createPagedCache?.({ numBlocks, blockSize });
  if (cache !== undefined) return new PagedRunner(model, cache);
  return new StateRunner(model, { numBlocks, blockSize, cacheBytes: numBlocks * bytesPerBlock });
}

/** One block is one state, whatever the length of its sequence. */
function createConstantStateRunner(
  model: CausalLM,
  cacheBytes: number,
  maxSequences: number,
): ModelRunner {
  const stateBytes = bytesOfState(model);
  const numStates = Math.min(maxSequences, Math.floor(cacheBytes / Math.max(1, stateBytes)));
  if (numStates < 1) {
    throw new InvalidArgumentError(
      `createEngine: cacheBytes ${cacheBytes} is less than one state takes; give at least ${stateBytes}`,
      { cacheBytes, least: stateBytes },
    );
  }
  return new StateRunner(model, {
    numBlocks: numStates + 1,
    blockSize: model.config.contextLength,
    cacheBytes: numStates * stateBytes,
  });
}

function bytesOfState(model: CausalLM): number {
  using state = model.createState();
  return state.bytes;
}

import { nullBlock } from "./block-pool";

/** Layers that attend to every earlier token. */
export interface FullAttentionSpec {
  readonly kind: "full-attention";
}

/** Layers that attend to the last `window` tokens, the current one included. */
export interface SlidingWindowSpec {
  readonly kind: "sliding-window";
  /** Tokens in the window. */
  readonly window: number;
}

/** One kind of layer. Layers of a kind share one block table per request. */
export type KvGroupSpec = FullAttentionSpec | SlidingWindowSpec;

/** How the layers of one group use blocks. */
export interface KvGroup {
  /** Leading blocks that no token after `numComputedTokens` will read. */
  numSkippedBlocks(numComputedTokens: number): number;
  /** Most blocks that a request of `numTokens` ever holds when given `chunk` tokens a step. */
  maxBlocks(numTokens: number, chunk: number): number;
  /**
   * The longest reusable prefix of at most `numBlocks` blocks.
   *
   * @param find The cached block for a position, or `undefined`.
   * @returns One block per position, the null block where the group needs none.
   */
  findHit(find: (index: number) => number | undefined, numBlocks: number): number[];
}

/** The group for a specification. */
export function createKvGroup(spec: KvGroupSpec, blockSize: number): KvGroup {
  switch (spec.kind) {
    case "full-attention":
      return new FullAttentionGroup(blockSize);
    case "sliding-window":
      return new SlidingWindowGroup(blockSize, spec.window);
    default:
      return spec satisfies never;
  }
}

class FullAttentionGroup implements KvGroup {
  constructor(private readonly blockSize: number) {}

  numSkippedBlocks(): number {
    return 0;
  }

  maxBlocks(numTokens: number): number {
    return Math.ceil(numTokens / this.blockSize);
  }

  findHit(find: (index: number) => number | undefined, numBlocks: number): number[] {
    const blocks: number[] = [];
    while (blocks.length < numBlocks) {
      const blockId = find(blocks.length);
      if (blockId === undefined) break;
      blocks.push(blockId);
    }
    return blocks;
  }
}

class SlidingWindowGroup implements KvGroup {
  constructor(
    private readonly blockSize: number,
    private readonly window: number,
  ) {}

  numSkippedBlocks(numComputedTokens: number): number {
    // The next token reads itself and the window - 1 tokens before it.
    return Math.max(0, Math.floor((numComputedTokens - this.window + 1) / this.blockSize));
  }

  maxBlocks(numTokens: number, chunk: number): number {
    const whole = Math.ceil(numTokens / this.blockSize);
    // Window and chunk need not start at a block boundary, hence one block more.
    return Math.min(whole, Math.ceil((this.window - 1 + chunk) / this.blockSize) + 1);
  }

  findHit(find: (index: number) => number | undefined, numBlocks: number): number[] {
    // Only the blocks under the window matter, so scan from the right for a run of that length.
    const runLength = Math.ceil((this.window - 1) / this.blockSize);
    let end = numBlocks;
    const run: number[] = [];
    for (let index = numBlocks - 1; index >= 0 && run.length < runLength; index--) {
      const blockId = find(index);
      if (blockId === undefined) {
        end = index;
        run.length = 0;
      } else {
        run.push(blockId);
      }
    }
    // A run cut short by the start of the sequence is complete as well.
    return [...new Array<number>(end - run.length).fill(nullBlock), ...run.reverse()];
  }
}

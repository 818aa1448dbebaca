import { type BlockPool, nullBlock } from "./block-pool";
import type { Request, RequestStatus } from "./request";

/** One block, for display. */
export interface BlockSnapshot {
  readonly id: number;
  /** `null` for block 0; `cached` blocks are free but findable. */
  readonly state: "null" | "free" | "cached" | "used";
  readonly refCount: number;
  /** Requests whose tables contain the block. */
  readonly owners: readonly string[];
  /** Slots with keys and values that a request can still read. */
  readonly numFilledSlots: number;
}

/** One live request, for display. */
export interface RequestSnapshot {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly status: RequestStatus;
  readonly numPromptTokens: number;
  readonly numTokens: number;
  readonly numComputedTokens: number;
  /** Block ids by position, per group. */
  readonly blockTables: readonly (readonly number[])[];
}

/** The whole state as plain data: it can be drawn, compared or sent as JSON. */
export interface SchedulerSnapshot {
  readonly blockSize: number;
  /** All blocks by id. */
  readonly blocks: readonly BlockSnapshot[];
  /** Free blocks in the order in which they will be handed out. */
  readonly freeBlocks: readonly number[];
  readonly running: readonly RequestSnapshot[];
  /** Waiting requests, best first, then those that wait for a grammar. */
  readonly waiting: readonly RequestSnapshot[];
}

/** Copies the state out of the live objects. */
export function takeSnapshot(
  pool: BlockPool,
  blockSize: number,
  running: readonly Request[],
  waiting: readonly Request[],
): SchedulerSnapshot {
  const owners = Array.from({ length: pool.numBlocks }, (): string[] => []);
  const filled = new Int32Array(pool.numBlocks);
  for (const request of running) {
    for (const table of request.blockTables) {
      table.view().forEach((id, index) => {
        if (id === nullBlock) return;
        owners[id]?.push(request.id);
        const slots = Math.min(blockSize, request.numComputedTokens - index * blockSize);
        filled[id] = Math.max(filled[id] ?? 0, slots);
      });
    }
  }
  return {
    blockSize,
    blocks: owners.map((ids, id) => {
      const cached = pool.isCached(id);
      const refCount = pool.refCount(id);
      const free = cached ? "cached" : "free";
      return {
        id,
        state: id === nullBlock ? "null" : refCount > 0 ? "used" : free,
        refCount,
        owners: ids,
        numFilledSlots: cached ? blockSize : (filled[id] ?? 0),
      };
    }),
    freeBlocks: [...pool.freeBlocks],
    running: running.map(describe),
    waiting: waiting.map(describe),
  };
}

function describe(request: Request): RequestSnapshot {
  return {
    id: request.id,
    parentId: request.parentId,
    status: request.status,
    numPromptTokens: request.numPromptTokens,
    numTokens: request.numTokens,
    numComputedTokens: request.numComputedTokens,
    blockTables: request.blockTables.map((table) => [...table.view()]),
  };
}

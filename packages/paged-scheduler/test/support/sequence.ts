import type { KvCacheManager } from "../../src/kv-cache-manager";
import { Request, type RequestOptions } from "../../src/request";

/** `length` tokens that start at `first` and count up. */
export function count(first: number, length: number): number[] {
  return Array.from({ length }, (_, index) => first + index);
}

/** The block table of a request's group. */
export function tableOf(request: Request, group = 0): number[] {
  return [...(request.blockTables[group]?.view() ?? [])];
}

/**
 * Looks a prompt up, allocates the rest and counts it as computed, as one scheduler step would.
 * `undefined` when the pool refused.
 */
export function start(
  manager: KvCacheManager,
  promptTokens: readonly number[],
  options: Partial<RequestOptions> = {},
): { request: Request; numHitTokens: number } | undefined {
  const request = new Request(
    { id: "request", promptTokens, ...options },
    { numGroups: manager.numGroups },
  );
  const hit = manager.lookUp(request);
  const allocation = manager.allocate(request, request.numTokens - hit.numTokens, { hit });
  if (!allocation) return undefined;
  request.numComputedTokens = request.numTokens;
  manager.cacheBlocks(request, request.numTokens);
  return { request, numHitTokens: hit.numTokens };
}

/** The same for a prompt that must fit. */
export function mustStart(
  manager: KvCacheManager,
  promptTokens: readonly number[],
  options: Partial<RequestOptions> = {},
): { request: Request; numHitTokens: number } {
  const started = start(manager, promptTokens, options);
  if (!started) throw new Error(`no room for ${promptTokens.length} tokens`);
  return started;
}

/** Generates `tokens` after a started request; returns the number of new blocks. */
export function extend(
  manager: KvCacheManager,
  request: Request,
  tokens: readonly number[],
): number | undefined {
  request.tokenList.append(tokens);
  const allocation = manager.allocate(request, tokens.length);
  if (!allocation) return undefined;
  request.numComputedTokens = request.numTokens;
  manager.cacheBlocks(request, request.numTokens);
  return allocation.newBlocks[0]?.length ?? 0;
}

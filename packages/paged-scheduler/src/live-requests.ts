import { DuplicateRequestError, UnknownRequestError } from "./errors";
import type { KvCacheManager } from "./kv-cache-manager";
import type { Request } from "./request";
import { type RequestOrder, RequestQueue } from "./request-queue";

/** The outputs of one request with `n > 1`. Their ids are taken as long as any of them lives. */
interface Family {
  readonly ids: readonly string[];
  numLive: number;
}

/**
 * Every request that has not ended, and the moves between its states:
 *
 * ```text
 * waiting-for-grammar → waiting → running → finished
 *                                  ↓   ↑
 *                                preempted
 * ```
 *
 * A request holds blocks exactly while it runs.
 */
export class LiveRequests {
  /** Running requests, in scheduling order. */
  readonly running: Request[] = [];
  /** Requests that may be admitted. */
  readonly waiting: RequestQueue;
  readonly awaitingGrammar = new Set<Request>();
  readonly #cache: KvCacheManager;
  readonly #byId = new Map<string, Request>();
  readonly #families = new Map<string, Family>();
  #finishedIds: string[] = [];

  constructor(cache: KvCacheManager, order: RequestOrder) {
    this.#cache = cache;
    this.waiting = new RequestQueue(order);
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): Request | undefined {
    return this.#byId.get(id);
  }

  /** Whether the request has not ended, nor has its id passed to another. */
  has(request: Request): boolean {
    return this.#byId.get(request.id) === request;
  }

  /** @throws UnknownRequestError when no live request has the id. */
  require(id: string): Request {
    const request = this.#byId.get(id);
    if (request) return request;
    throw new UnknownRequestError(`no live request has the id "${id}"; it may have ended`, { id });
  }

  /** @throws DuplicateRequestError when a live request has the id or will have it. */
  requireFreeId(id: string): void {
    if (!this.#byId.has(id) && !this.#families.has(id)) return;
    throw new DuplicateRequestError(`a live request has the id "${id}"; choose another`, { id });
  }

  /** Keeps the ids of the outputs that the first of them will fork into. */
  reserveFamily(ids: readonly string[]): void {
    const family: Family = { ids, numLive: 0 };
    for (const id of ids) this.#families.set(id, family);
  }

  /** The ids that end together with this one. */
  idsEndingWith(id: string): readonly string[] {
    const family = this.#families.get(id);
    return family?.ids[0] === id ? family.ids : [id];
  }

  /** Takes up a new request. */
  add(request: Request): void {
    this.#byId.set(request.id, request);
    const family = this.#families.get(request.id);
    if (family) family.numLive++;
  }

  /** Lets a request wait for its admission, or first for its grammar. */
  wait(request: Request, status: "waiting" | "waiting-for-grammar" | "preempted"): void {
    request.status = status;
    if (status === "waiting-for-grammar") this.awaitingGrammar.add(request);
    else this.waiting.push(request);
  }

  /** Lets a request run on blocks that it holds. */
  run(request: Request): void {
    request.status = "running";
    this.running.push(request);
  }

  /** Takes a running request's blocks; its tokens are computed anew after its next admission. */
  preempt(request: Request): void {
    this.#leave(request);
    this.#cache.free(request);
    request.numComputedTokens = 0;
    request.draftTokens = [];
    this.wait(request, "preempted");
  }

  /** Ends a request in any state. */
  finish(request: Request): void {
    this.#leave(request);
    this.#cache.free(request);
    request.status = "finished";
    this.#byId.delete(request.id);
    this.#finishedIds.push(request.id);
    const family = this.#families.get(request.id);
    if (family && --family.numLive === 0) {
      for (const id of family.ids) this.#families.delete(id);
    }
  }

  /** The requests that ended since this was last called. */
  takeFinishedIds(): string[] {
    const ids = this.#finishedIds;
    this.#finishedIds = [];
    return ids;
  }

  #leave(request: Request): void {
    if (request.status === "running") this.running.splice(this.running.indexOf(request), 1);
    else if (request.queueIndex >= 0) this.waiting.remove(request);
    else this.awaitingGrammar.delete(request);
  }
}

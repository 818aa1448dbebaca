import {
  type KvGroupSpec,
  type RequestOptions,
  Scheduler,
  type SchedulerOptions,
  type SchedulerOutput,
} from "../../src/index";
import { endOfSequence, FakeModel, referenceToken } from "./fake-model";

export type CheckedOptions = SchedulerOptions &
  Required<Pick<SchedulerOptions, "blockSize" | "maxBatchedTokens" | "maxSequences">> & {
    readonly groups: readonly KvGroupSpec[];
    readonly maxSkipAhead: number;
    /** Tokens that no request of the test exceeds. */
    readonly longestSequence: number;
  };

/** Tokens of a request as they should be. */
interface Mirror {
  readonly tokens: number[];
  /** Which of the samples from the prompt's logits comes next; 0 after the first token. */
  sample: number;
}

/** Millions of checks: an assertion library would take longer than what it checks. */
function ensure(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

function ensureEqual(actual: unknown, expected: unknown, what: string): void {
  ensure(actual === expected, `${what} is ${actual}, not ${expected}`);
}

/**
 * A scheduler that drives the fake model, whose whole state is checked after every operation, and
 * whose every token is compared with what the model gives without any scheduling.
 */
export class CheckedScheduler {
  readonly scheduler: Scheduler;
  /** Most steps in a row that the oldest request went without a token. */
  longestWait = 0;
  /** Most that it may. */
  readonly allowedWait: number;
  readonly #options: CheckedOptions;
  readonly #model: FakeModel;
  readonly #mirrors = new Map<string, Mirror>();
  #oldest = { id: "", numComputed: -1, wait: 0 };

  constructor(options: CheckedOptions) {
    this.#options = options;
    this.scheduler = new Scheduler({ eosTokenIds: [endOfSequence], ...options });
    this.#model = new FakeModel(options.groups, options.numBlocks, options.blockSize);
    // Whatever runs, or may be admitted ahead of the oldest, has at most this many tokens to
    // compute, and each step computes at least one of them for good.
    const longest = Math.min(options.longestSequence, this.scheduler.maxModelLength);
    this.allowedWait = (options.maxSequences + options.maxSkipAhead) * longest;
  }

  get liveIds(): string[] {
    const { running, waiting } = this.scheduler.snapshot();
    return [...running, ...waiting].map(({ id }) => id);
  }

  add(options: RequestOptions): void {
    this.scheduler.addRequest(options);
    for (let sample = 0; sample < (options.n ?? 1); sample++) {
      const id = sample === 0 ? options.id : `${options.id}#${sample}`;
      this.#mirrors.set(id, { tokens: Array.from(options.promptTokens), sample });
    }
    this.check();
  }

  fork(parentId: string, id: string, numTokens: number, append: readonly number[]): void {
    this.scheduler.fork(parentId, { id, numTokens, append });
    const kept = this.#mirror(parentId).tokens.slice(0, numTokens);
    this.#mirrors.set(id, { tokens: [...kept, ...append], sample: 0 });
    this.check();
  }

  abort(id: string, reason: "abort" | "stop"): void {
    ensure(this.scheduler.abort(id, reason), `${id} is live and was not found`);
    this.check();
  }

  /** One step; `inFlight` runs between `schedule` and `update`. */
  step(inFlight?: (step: SchedulerOutput) => void): void {
    const step = this.scheduler.schedule();
    this.#checkStep(step);
    this.#checkOldest();
    this.check();
    const sampled = this.#model.run(step);
    inFlight?.(step);
    const live = new Set(this.liveIds);
    for (const { id, parentId, newTokens } of this.scheduler.update(step, sampled)) {
      ensure(live.has(id) || live.has(parentId ?? ""), `${id} ended and still gives tokens`);
      const mirror = this.#mirror(id);
      for (const token of newTokens) {
        const expected = referenceToken(mirror.tokens, this.#options.groups, mirror.sample);
        ensureEqual(token, expected, `token ${mirror.tokens.length} of ${id}`);
        mirror.tokens.push(token);
        mirror.sample = 0;
      }
    }
    this.check();
  }

  /** A step whose model run failed. */
  fail(): void {
    const step = this.scheduler.schedule();
    this.#checkStep(step);
    // What a failed run leaves in the blocks is anyone's guess.
    this.#model.corrupt(step);
    this.scheduler.discard(step);
    this.#oldest.wait = 0;
    this.check();
  }

  reset(preemptRunning: boolean): void {
    const { running } = this.scheduler.snapshot();
    const done = this.scheduler.resetPrefixCache({ preemptRunning });
    ensureEqual(done, preemptRunning || running.length === 0, "result of the reset");
    if (done) ensureEqual(this.scheduler.stats().numCachedBlocks, 0, "blocks cached after it");
    this.#oldest.wait = 0;
    this.check();
  }

  /** Runs everything to its end; then nothing may be left. */
  drain(): void {
    for (const id of this.liveIds) this.scheduler.grammarReady(id);
    for (let steps = 0; this.scheduler.numUnfinishedRequests > 0; steps++) {
      ensure(steps < 50 * this.allowedWait, "the queue does not drain");
      this.step();
    }
    const { freeBlocks, running, waiting } = this.scheduler.snapshot();
    ensureEqual(freeBlocks.length, this.#options.numBlocks - 1, "free blocks at the end");
    ensureEqual(running.length + waiting.length, 0, "requests at the end");
  }

  check(): void {
    const { blocks, freeBlocks, running } = this.scheduler.snapshot();
    const numReferenced = blocks.filter(({ refCount }) => refCount > 0).length;
    ensureEqual(
      freeBlocks.length + numReferenced,
      this.#options.numBlocks - 1,
      "free + referenced",
    );
    ensureEqual(new Set(freeBlocks).size, freeBlocks.length, "distinct free blocks");
    for (const id of freeBlocks) ensureEqual(blocks[id]!.refCount, 0, `owners of free block ${id}`);
    for (const { id, refCount, owners } of blocks) {
      ensureEqual(refCount, owners.length, `references to block ${id}`);
    }
    ensureEqual(blocks[0]!.state, "null", "state of block 0");
    ensure(!freeBlocks.includes(0), "block 0 is free");
    ensure(running.length <= this.#options.maxSequences, `${running.length} requests run`);
    for (const { id, blockTables } of running) {
      blockTables.forEach((table, group) => {
        const numSkipped = table.lastIndexOf(0) + 1;
        const full = this.#options.groups[group]!.kind === "full-attention";
        ensure(numSkipped === 0 || !full, `${id} holds the null block`);
        ensure(
          table.slice(0, numSkipped).every((block) => block === 0),
          `the null block stands in the middle of the table of ${id}`,
        );
      });
    }
  }

  #mirror(id: string): Mirror {
    const mirror = this.#mirrors.get(id);
    ensure(mirror !== undefined, `nobody asked for ${id}`);
    return mirror;
  }

  #checkStep(step: SchedulerOutput): void {
    const { maxBatchedTokens, blockSize, longPrefillThreshold = 0 } = this.#options;
    ensure(step.numScheduledTokens <= maxBatchedTokens, `${step.numScheduledTokens} tokens`);
    ensureEqual(step.cuSeqlens.at(-1), step.numScheduledTokens, "end of the last request");
    const { blocks } = this.scheduler.snapshot();
    const writers = new Map<number, string>();
    step.scheduled.forEach((entry, index) => {
      const { id, numScheduledTokens } = entry;
      ensure(numScheduledTokens > 0, `${id} has no tokens`);
      ensure(
        numScheduledTokens <= (longPrefillThreshold || numScheduledTokens),
        `${id} has ${numScheduledTokens} tokens`,
      );
      ensure(!entry.newBlocks.flat().includes(0), `${id} was given the null block`);
      step.slotMappings.forEach((slots, group) => {
        for (let row = step.cuSeqlens[index]!; row < step.cuSeqlens[index + 1]!; row++) {
          const block = Math.floor(slots[row]! / blockSize);
          const position = step.positions[row]!;
          ensureEqual(block, entry.blockTables[group]![Math.floor(position / blockSize)], "block");
          ensureEqual(slots[row]! % blockSize, position % blockSize, "offset in the block");
          ensure(block !== 0, `${id} writes to the null block`);
          ensureEqual(writers.get(block) ?? id, id, `writer of block ${block}`);
          writers.set(block, id);
          // Others may hold it only to read what is written now.
          for (const other of blocks[block]!.owners) {
            const reader = step.scheduled.find((candidate) => candidate.id === other);
            ensure(
              other === id || (reader !== undefined && reader.kind !== "running"),
              `${other} holds block ${block}, which ${id} writes`,
            );
          }
        }
      });
    });
  }

  /** Under first come, first served, the oldest request must advance within a bounded time. */
  #checkOldest(): void {
    if (this.#options.policy === "priority") return;
    const id = this.#oldestId();
    if (id === undefined) return;
    const numComputed = this.scheduler.request(id)!.numComputedTokens;
    const waits = id === this.#oldest.id && numComputed === this.#oldest.numComputed;
    this.#oldest = { id, numComputed, wait: waits ? this.#oldest.wait + 1 : 0 };
    this.longestWait = Math.max(this.longestWait, this.#oldest.wait);
    ensure(this.#oldest.wait <= this.allowedWait, `${id} has waited ${this.#oldest.wait} steps`);
  }

  #oldestId(): string | undefined {
    // Ids are handed out in order of arrival, forks after their parents: "12", "12/15", "12#1".
    const arrival = (id: string) => Number.parseInt(id, 10);
    return this.liveIds
      .filter((id) => this.scheduler.request(id)!.status !== "waiting-for-grammar")
      .sort((first, second) => arrival(first) - arrival(second))[0];
  }
}

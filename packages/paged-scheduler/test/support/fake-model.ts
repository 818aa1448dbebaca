import type { KvGroupSpec, SchedulerOutput } from "../../src/index";

/** Tokens are 1 to `vocabulary - 1`; 0 is kept for end of sequence. */
export const vocabulary = 6;
export const endOfSequence = 0;

/** A 32-bit mix of two numbers (the finalizer of MurmurHash3). */
export function mix(first: number, second: number): number {
  let hash = Math.imul(first ^ Math.imul(second + 1, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/**
 * Stands for a language model whose layers keep keys and values in blocks. The key of a position
 * depends on the token there and on the key before it, and a logit on every key that its group may
 * attend to. One wrong slot, block, copy or stale prefix therefore changes the tokens.
 */
export class FakeModel {
  readonly #keys: Int32Array[];
  readonly #groups: readonly KvGroupSpec[];
  readonly #blockSize: number;

  constructor(groups: readonly KvGroupSpec[], numBlocks: number, blockSize: number) {
    this.#groups = groups;
    this.#blockSize = blockSize;
    this.#keys = groups.map(() => new Int32Array(numBlocks * blockSize).fill(-1));
  }

  /** Runs a step as a runtime would, and samples greedily; drafts are accepted while they agree. */
  run(step: SchedulerOutput): number[][] {
    for (const { group, source, destination } of step.copies) {
      const keys = this.#keys[group]!;
      const size = this.#blockSize;
      keys.copyWithin(destination * size, source * size, (source + 1) * size);
    }
    return step.scheduled.map((entry, index) => {
      const first = step.cuSeqlens[index]!;
      const logits: number[] = [];
      for (let row = first; row < step.cuSeqlens[index + 1]!; row++) {
        const position = step.positions[row]!;
        this.#groups.forEach((_, group) => {
          const before =
            position === 0 ? 0 : this.#key(group, entry.blockTables[group]!, position - 1);
          this.#keys[group]![step.slotMappings[group]![row]!] = key(
            before,
            step.tokenIds[row]!,
            group,
          );
        });
        if (step.logitRows.includes(row)) logits.push(this.#logit(entry.blockTables, position));
      }
      if (logits.length !== entry.numLogitRows)
        throw new Error("logitRows and numLogitRows differ");
      if (entry.numSamples !== 1) {
        return Array.from({ length: entry.numSamples }, (_, sample) =>
          sampleToken(logits[0]!, sample),
        );
      }
      const accepted: number[] = [];
      for (const [row, logit] of logits.entries()) {
        accepted.push(sampleToken(logit, 0));
        if (entry.draftTokens[row] !== accepted[row]) break;
      }
      return accepted;
    });
  }

  /** Leaves rubbish where a step would have written. */
  corrupt(step: SchedulerOutput): void {
    step.slotMappings.forEach((slots, group) => {
      for (const slot of slots) this.#keys[group]![slot] = -2;
    });
    for (const { group, destination } of step.copies) {
      const start = destination * this.#blockSize;
      this.#keys[group]!.fill(-2, start, start + this.#blockSize);
    }
  }

  #key(group: number, table: Int32Array, position: number): number {
    const block = table[Math.floor(position / this.#blockSize)]!;
    if (block === 0) {
      // A window that has dropped the block: a real layer would not look there for its output.
      throw new Error(`position ${position} of group ${group} is in the null block`);
    }
    return this.#keys[group]![block * this.#blockSize + (position % this.#blockSize)]!;
  }

  #logit(tables: readonly Int32Array[], position: number): number {
    let logit = 0;
    this.#groups.forEach((spec, group) => {
      for (let at = windowStart(spec, position); at <= position; at++) {
        logit = mix(logit, mix(this.#key(group, tables[group]!, at), at));
      }
    });
    return logit;
  }
}

/** What the model generates after `tokens` when nothing is paged, shared or split. */
export function referenceToken(
  tokens: readonly number[],
  groups: readonly KvGroupSpec[],
  sample = 0,
): number {
  const position = tokens.length - 1;
  let logit = 0;
  groups.forEach((spec, group) => {
    const keys: number[] = [];
    for (const token of tokens) keys.push(key(keys.at(-1) ?? 0, token, group));
    for (let at = windowStart(spec, position); at <= position; at++) {
      logit = mix(logit, mix(keys[at]!, at));
    }
  });
  return sampleToken(logit, sample);
}

/** The whole output after a prompt, `end` included if it comes. */
export function referenceOutput(
  prompt: readonly number[],
  maxTokens: number,
  groups: readonly KvGroupSpec[],
  sample = 0,
): number[] {
  const tokens = [...prompt];
  const output: number[] = [];
  while (output.length < maxTokens && output.at(-1) !== endOfSequence) {
    output.push(referenceToken(tokens, groups, output.length === 0 ? sample : 0));
    tokens.push(output.at(-1)!);
  }
  return output;
}

function key(before: number, token: number, group: number): number {
  return mix(mix(before, token), group);
}

function windowStart(spec: KvGroupSpec, position: number): number {
  return spec.kind === "full-attention" ? 0 : Math.max(0, position - spec.window + 1);
}

/** Repeats itself often enough for drafts to be accepted; ends now and then. */
function sampleToken(logit: number, sample: number): number {
  const value = (logit >>> 0) % 100;
  if (value === 0 && sample === 0) return endOfSequence;
  const favourite = value < 70 ? 0 : value;
  return 1 + ((favourite + sample) % (vocabulary - 1));
}

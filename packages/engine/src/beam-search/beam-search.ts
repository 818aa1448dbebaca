import { InvalidArgumentError, type Tokenizer } from "@x/models";
import type { RequestOutput, ScheduledRequest } from "@x/paged-scheduler";
import type { EngineCore } from "../engine-core";
import { likeliest, logSumExp } from "../sampling/token-logprobs";
import type { SequenceHandler, SequenceStep } from "../sequence-handler";
import type { BeamSearchAnswer, BeamSearchOptions } from "./beam-search-options";

/** A token that a beam could go on with, and the log-probability of the whole then. */
interface Candidate {
  readonly beam: Beam;
  readonly tokenId: number;
  readonly cumulativeLogprob: number;
}

/** One of the answers that are followed. */
interface Beam {
  /** Its sequence in the scheduler; without one, it waits for the others to catch up. */
  id: string | undefined;
  readonly tokenIds: readonly number[];
  readonly cumulativeLogprob: number;
  /** Its best continuations, once a step has computed them. */
  candidates: readonly Candidate[] | undefined;
}

/** What a {@link BeamSearch} works on. */
export interface BeamSearchInput {
  readonly id: string;
  readonly promptTokenIds: readonly number[];
  readonly options: BeamSearchOptions;
  readonly tokenizer: Tokenizer;
  readonly core: EngineCore;
}

/**
 * Follows the likeliest answers side by side. In each round every beam gives its best continuations,
 * and the best of all become the next beams: the first one of a beam goes on in its sequence, the
 * others fork off it and share its blocks, copied only where they are written to.
 *
 * It ends when no beam can still beat the worst answer that is to be returned.
 */
export class BeamSearch implements SequenceHandler {
  readonly #input: BeamSearchInput;
  readonly #lengthPenalty: number;
  readonly #eosTokenIds: readonly number[];
  readonly #byId = new Map<string, Beam>();
  readonly #result: Promise<BeamSearchAnswer[]>;
  #settle!: { resolve(answers: BeamSearchAnswer[]): void; reject(error: unknown): void };
  #beams: readonly Beam[];
  #answers: (BeamSearchAnswer & { readonly order: number })[] = [];
  #numInStep = 0;
  #numSequences = 0;
  #isDone = false;

  /** @throws {InvalidArgumentError} when an option is outside its range. */
  constructor(input: BeamSearchInput) {
    const { beamWidth, maxTokens, lengthPenalty = 1, ignoreEos = false } = input.options;
    requireWhole("beamWidth", beamWidth);
    requireWhole("maxTokens", maxTokens);
    if (!Number.isFinite(lengthPenalty)) {
      throw new InvalidArgumentError(
        `beamSearch: lengthPenalty is ${lengthPenalty}; use a finite number`,
        { lengthPenalty },
      );
    }
    this.#input = input;
    this.#lengthPenalty = lengthPenalty;
    this.#eosTokenIds = ignoreEos ? [] : input.tokenizer.eosTokenIds;
    this.#result = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#beams = [{ id: undefined, tokenIds: [], cumulativeLogprob: 0, candidates: undefined }];
  }

  /** Starts the search. @returns the answers, best first. */
  run(): Promise<BeamSearchAnswer[]> {
    for (const beam of this.#beams) this.#submit(beam);
    return this.#result;
  }

  rowsOf({ numLogitRows }: ScheduledRequest) {
    return numLogitRows === 0 ? "none" : "last";
  }

  choose({ entry, rows: [row] }: SequenceStep): readonly number[] {
    const beam = this.#byId.get(entry.id);
    if (row === undefined || beam === undefined || entry.numLogitRows === 0) return [];
    this.#numInStep++;
    const normalizer = logSumExp(row);
    const count = this.#input.options.beamWidth + this.#eosTokenIds.length;
    beam.candidates = likeliest(row, count).map((tokenId) => ({
      beam,
      tokenId,
      cumulativeLogprob: beam.cumulativeLogprob + (row[tokenId] as number) - normalizer,
    }));
    // If the beam goes on at all, then with this token: its others are less likely.
    const next = beam.candidates.find(({ tokenId }) => !this.#eosTokenIds.includes(tokenId));
    return [next?.tokenId ?? 0];
  }

  advance({ finishReason, id }: RequestOutput): void {
    const beam = this.#byId.get(id);
    if (finishReason !== undefined && beam !== undefined) {
      beam.id = undefined;
      this.#byId.delete(id);
    }
    if (--this.#numInStep > 0 || this.#isDone) return;
    if (this.#beams.every(({ candidates }) => candidates !== undefined)) this.#select();
    else for (const own of this.#beams) if (own.candidates !== undefined) this.#park(own);
  }

  draft(): readonly number[] {
    return [];
  }

  fail(error: unknown): void {
    this.#end();
    this.#settle.reject(error);
  }

  /** Makes the best continuations of all beams the next beams. */
  #select(): void {
    const { beamWidth, maxTokens } = this.#input.options;
    const length = (this.#beams[0]?.tokenIds.length ?? 0) + 1;
    const candidates = this.#beams.flatMap((beam) => beam.candidates ?? []);
    const isEnd = ({ tokenId }: Candidate) => this.#eosTokenIds.includes(tokenId);
    for (const candidate of candidates.filter(isEnd)) this.#collect(candidate, "stop");
    const best = candidates
      .filter((candidate) => !isEnd(candidate))
      .sort((a, b) => b.cumulativeLogprob - a.cumulativeLogprob)
      .slice(0, beamWidth);
    if (length === maxTokens) {
      for (const candidate of best) this.#collect(candidate, "length");
      this.#finish();
    } else if (this.#isSettled(best)) {
      this.#finish();
    } else {
      this.#goOn(best);
    }
  }

  #goOn(best: readonly Candidate[]): void {
    const parents = this.#beams;
    const ownIds = new Map(parents.map((beam) => [beam, beam.id]));
    this.#beams = best.map(({ beam, tokenId, cumulativeLogprob }) => {
      const id = ownIds.get(beam);
      ownIds.set(beam, undefined);
      const tokenIds = [...beam.tokenIds, tokenId];
      const next: Beam = { id, tokenIds, cumulativeLogprob, candidates: undefined };
      if (id !== undefined) this.#byId.set(id, next);
      else if (beam.id !== undefined) this.#fork(beam.id, next);
      else this.#submit(next);
      return next;
    });
    for (const id of ownIds.values()) if (id !== undefined) this.#release(id);
  }

  /** Whether no answer that begins like `best` can have a better score than those there are. */
  #isSettled(best: readonly Candidate[]): boolean {
    const { beamWidth, maxTokens } = this.#input.options;
    const worst = this.#answers[beamWidth - 1];
    if (worst === undefined) return false;
    const length = best[0] === undefined ? maxTokens : best[0].beam.tokenIds.length + 1;
    // A log-probability only falls; dividing by the largest possible power bounds it.
    const longest = this.#lengthPenalty > 0 ? maxTokens : length;
    return best.every(
      ({ cumulativeLogprob }) => cumulativeLogprob / longest ** this.#lengthPenalty <= worst.score,
    );
  }

  #collect({ beam, tokenId, cumulativeLogprob }: Candidate, finishReason: "stop" | "length"): void {
    const tokenIds = finishReason === "stop" ? beam.tokenIds : [...beam.tokenIds, tokenId];
    const length = beam.tokenIds.length + 1;
    this.#answers.push({
      text: this.#input.tokenizer.decode(tokenIds),
      tokenIds,
      cumulativeLogprob,
      score: cumulativeLogprob / length ** this.#lengthPenalty,
      finishReason,
      order: this.#answers.length,
    });
    this.#answers.sort((a, b) => b.score - a.score || a.order - b.order);
    this.#answers.length = Math.min(this.#answers.length, this.#input.options.beamWidth);
  }

  #fork(parentId: string, beam: Beam): void {
    const { promptTokenIds, core } = this.#input;
    const id = this.#nextId();
    const numTokens = promptTokenIds.length + beam.tokenIds.length - 1;
    const append = beam.tokenIds.slice(-1);
    this.#track(id, beam);
    core.fork(parentId, { id, numTokens, append }, this);
  }

  /** Computes a beam from its tokens; the prefix cache has most of them. */
  #submit(beam: Beam): void {
    const { promptTokenIds, core, options } = this.#input;
    const { priority, cacheSalt } = options;
    const id = this.#nextId();
    this.#track(id, beam);
    core.add(
      {
        id,
        promptTokens: [...promptTokenIds, ...beam.tokenIds],
        ignoreEos: true,
        ...(priority !== undefined && { priority }),
        ...(cacheSalt !== undefined && { cacheSalt }),
      },
      this,
    );
  }

  /** Takes a beam that is ahead of the others out of the scheduler until they have caught up. */
  #park(beam: Beam): void {
    if (beam.id === undefined) return;
    this.#release(beam.id);
    beam.id = undefined;
  }

  #release(id: string): void {
    this.#byId.delete(id);
    this.#input.core.finish(id, "stop");
  }

  #finish(): void {
    this.#end();
    this.#settle.resolve(this.#answers.map(({ order: _, ...answer }) => answer));
  }

  #end(): void {
    this.#isDone = true;
    for (const id of [...this.#byId.keys()]) this.#release(id);
  }

  #track(id: string, beam: Beam): void {
    beam.id = id;
    this.#byId.set(id, beam);
  }

  #nextId(): string {
    return `${this.#input.id}/${this.#numSequences++}`;
  }
}

function requireWhole(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new InvalidArgumentError(
    `beamSearch: ${name} is ${value}; use a whole number of 1 or more`,
    {
      [name]: value,
    },
  );
}

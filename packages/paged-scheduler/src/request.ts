import { InvalidArgumentError } from "./errors";
import { Int32List } from "./int32-list";
import { checkStop, type Finish, type StopConditions } from "./stop-conditions";

/** Tokens of the prompt that stand for an image, a sound or the like. */
export interface MediaSpan {
  /** Names the content, such as a digest of it: equal ids mean equal media. */
  readonly id: string;
  /** Position of the first token in the prompt. */
  readonly offset: number;
  /** Number of tokens. */
  readonly length: number;
}

/** A request to generate tokens after a prompt. */
export interface RequestOptions extends StopConditions {
  /** Names the request; unique among live requests. */
  readonly id: string;
  /** Token ids, shape `[promptLength]`, at least one. */
  readonly promptTokens: ArrayLike<number>;
  /** Lower runs first under the `priority` policy. Default 0. */
  readonly priority?: number;
  /** Breaks ties of equal priority, smaller first, on any one clock. Default 0. */
  readonly arrivalTime?: number;
  /**
   * Outputs to sample from the one prompt. At the first sampled token the request forks into
   * itself and `${id}#1` … `${id}#${n - 1}`, which share the prompt's blocks. Default 1.
   */
  readonly n?: number;
  /** Name of the adapter (LoRA) that computes the keys and values. Default: the base model. */
  readonly adapter?: string;
  /** Only requests of equal salt share blocks: one salt per user keeps users apart. */
  readonly cacheSalt?: string;
  /** Media in the prompt, so that equal placeholder tokens of unequal media are not shared. */
  readonly media?: readonly MediaSpan[];
  /** Compute the whole prompt, as log probabilities of the prompt need. Default false. */
  readonly skipPrefixCache?: boolean;
  /** Hold the request back until `grammarReady(id)` is called. Default false. */
  readonly waitForGrammar?: boolean;
}

/** Where a request stands. */
export type RequestStatus =
  | "waiting-for-grammar"
  | "waiting"
  | "running"
  /** Waiting again: its blocks were taken, its tokens are kept and computed anew. */
  | "preempted"
  | "finished";

/** What callers see of a live request. */
export interface RequestView {
  readonly id: string;
  /** The request that this one was forked from. */
  readonly parentId: string | undefined;
  readonly options: RequestOptions;
  readonly status: RequestStatus;
  readonly priority: number;
  readonly arrivalTime: number;
  readonly numPromptTokens: number;
  /** Prompt and output tokens. */
  readonly numTokens: number;
  readonly numOutputTokens: number;
  /** Tokens whose keys and values are in the blocks, those of the step in flight included. */
  readonly numComputedTokens: number;
  /** Prompt tokens that the first admission found in the prefix cache. */
  readonly numCachedTokens: number;
  readonly numPreemptions: number;
  /** Prompt and output token ids; valid until the next `update`. */
  readonly tokens: Int32Array;
  /** Output token ids; valid until the next `update`. */
  readonly outputTokens: Int32Array;
  /** Proposed tokens that the next step will verify. */
  readonly draftTokens: readonly number[];
}

/** A request with its tokens and its place in the key/value memory. */
export class Request implements RequestView {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly options: RequestOptions;
  readonly priority: number;
  readonly arrivalTime: number;
  readonly numPromptTokens: number;
  /** Tokens that the request may reach, prompt included. */
  readonly maxTotalTokens: number;
  /** Arrival order. A fork keeps that of its parent. */
  readonly sequence: number;
  /** Order among requests of one `sequence`. */
  readonly serial: number;

  status: RequestStatus = "waiting";
  numComputedTokens = 0;
  numCachedTokens = 0;
  numPreemptions = 0;
  /** Requests that arrived later and were admitted while this one could not be. */
  numTimesSkipped = 0;
  /** Position in the queue's heap; kept by the queue. */
  queueIndex = -1;
  /** Whether any step has contained the request. */
  wasScheduled = false;
  draftTokens: readonly number[] = [];

  readonly tokenList: Int32List;
  /** Chain hashes of the full blocks, two words each; filled by the block hasher. */
  readonly blockHashes = new Int32List();
  /** Block table of each group. */
  readonly blockTables: readonly Int32List[];
  /** Leading blocks of each group that are findable or need not be. */
  readonly numCachedBlocks: number[];
  /** Leading blocks of each group that fell out of its window. */
  readonly numSkippedBlocks: number[];

  readonly #extraPrefix: string;

  /**
   * @param placement Where the request stands among others, and the pool's number of groups.
   * @throws InvalidArgumentError when an option is not usable.
   */
  constructor(
    options: RequestOptions,
    placement: {
      readonly numGroups?: number;
      readonly maxModelLength?: number;
      readonly sequence?: number;
      readonly serial?: number;
      readonly parent?: Request;
    } = {},
  ) {
    const { numGroups = 1, maxModelLength = 2 ** 31 - 1, parent } = placement;
    if (!parent) validate(options);
    this.id = options.id;
    this.parentId = parent?.id;
    this.options = options;
    this.priority = options.priority ?? 0;
    this.arrivalTime = options.arrivalTime ?? 0;
    this.numPromptTokens = options.promptTokens.length;
    this.maxTotalTokens = Math.min(
      this.numPromptTokens + (options.maxTokens ?? Number.POSITIVE_INFINITY),
      maxModelLength,
    );
    this.serial = placement.serial ?? 0;
    this.sequence = parent?.sequence ?? placement.sequence ?? this.serial;
    this.tokenList = new Int32List(this.numPromptTokens + 16);
    if (!parent) this.tokenList.append(options.promptTokens);
    this.blockTables = Array.from({ length: numGroups }, () => new Int32List());
    this.numCachedBlocks = new Array(numGroups).fill(0);
    this.numSkippedBlocks = new Array(numGroups).fill(0);
    const { adapter, cacheSalt } = options;
    this.#extraPrefix =
      adapter === undefined && cacheSalt === undefined
        ? ""
        : JSON.stringify({ adapter, salt: cacheSalt });
  }

  get numTokens(): number {
    return this.tokenList.length;
  }

  get numOutputTokens(): number {
    return this.tokenList.length - this.numPromptTokens;
  }

  get tokens(): Int32Array {
    return this.tokenList.view();
  }

  get outputTokens(): Int32Array {
    return this.tokenList.view(this.numPromptTokens);
  }

  /** Appends an output token; says whether, and how, the request ends with it. */
  appendOutput(token: number): Finish | undefined {
    this.tokenList.push(token);
    const maxOutputTokens = this.maxTotalTokens - this.numPromptTokens;
    return checkStop(token, this.numOutputTokens, maxOutputTokens, this.options);
  }

  /**
   * What besides its tokens decides the keys and values of a block: adapter, salt and the media in
   * it, each under its own name, so that no value of one kind can pass for another.
   */
  extraKey(index: number, blockSize: number): string {
    const { media } = this.options;
    if (!media) return this.#extraPrefix;
    const start = index * blockSize;
    const inBlock = media
      .filter(({ offset, length }) => offset < start + blockSize && offset + length > start)
      .map(({ id, offset }) => ({ media: id, at: offset - start }));
    return inBlock.length === 0 ? this.#extraPrefix : this.#extraPrefix + JSON.stringify(inBlock);
  }
}

/** Throws unless the condition holds. */
export function requireArgument(
  condition: boolean,
  message: string,
  details: Record<string, unknown>,
): asserts condition {
  if (!condition) throw new InvalidArgumentError(message, details);
}

/** Throws unless all tokens are ids that the block tables can hold. */
export function requireTokens(tokens: ArrayLike<number>, name: string): void {
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index] as number;
    if (token >= 0 && (token | 0) === token) continue;
    throw new InvalidArgumentError(
      `${name}[${index}] is ${token}; pass token ids, whole numbers from 0 to 2^31 - 1`,
      { [name]: token, index },
    );
  }
}

function validate(options: RequestOptions): void {
  const { id, promptTokens, maxTokens, minTokens = 0, n = 1 } = options;
  requireArgument(
    promptTokens.length > 0,
    `the prompt of "${id}" is empty; give at least one token, such as the beginning-of-sequence token`,
    { id },
  );
  requireTokens(promptTokens, "promptTokens");
  requireArgument(
    maxTokens === undefined || (Number.isInteger(maxTokens) && maxTokens >= 1),
    `maxTokens is ${maxTokens}; pass a whole number from 1, or leave it out`,
    { id, maxTokens },
  );
  requireArgument(
    Number.isInteger(minTokens) && minTokens >= 0 && minTokens <= (maxTokens ?? minTokens),
    `minTokens is ${minTokens}; pass a whole number from 0 to maxTokens (${maxTokens})`,
    { id, minTokens, maxTokens },
  );
  requireArgument(
    Number.isInteger(n) && n >= 1,
    `n is ${n}; pass the number of outputs to sample, from 1`,
    { id, n },
  );
}

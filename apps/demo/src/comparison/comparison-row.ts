/** One way to generate, with what it cost. */
export interface ComparisonRow {
  /** What is compared: `cache`, `memory`, `drafts` or `batch`. */
  readonly group: "cache" | "memory" | "drafts" | "batch";
  readonly name: string;
  /** New tokens per second, of all answers together. */
  readonly tokensPerSecond: number;
  /** Until the first token, in milliseconds. */
  readonly timeToFirstTokenMs: number;
  /** Most bytes of keys and values that were in use. */
  readonly cacheBytes: number;
  /** Whether the answer is the first row's. */
  readonly isSameAnswer: boolean;
}

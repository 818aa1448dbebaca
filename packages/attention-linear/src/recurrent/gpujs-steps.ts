import type { Tensor } from "@x/tensor";
import {
  type ArrayArgument,
  type BufferSlice,
  type GpujsContext,
  type KernelSource,
  partOf,
  sliceOf,
} from "@x/tensor/kernels";
import type { ForwardInputs } from "./forward-operation";

/** Gates of a token: none, one of the head, or one of each key element. */
export type DecayKind = "none" | "scalar" | "vector";

/** e^g of row i of head h, in a kernel's text. */
export const decayText = {
  none: "1",
  scalar: "Math.exp(logDecay[h][0])",
  vector: "Math.exp(logDecay[h][i])",
} as const satisfies Record<DecayKind, string>;

/** What a token would write at strength 1, `v - (e^g S)ᵀ k`: cells `[H][V]`. */
function differenceSource(kind: DecayKind): KernelSource {
  return {
    name: `linear-recurrence-difference/${kind}`,
    source: `function (keys, values, logDecay, state, keySize) {
      const j = this.thread.x;
      const h = this.thread.y;
      let held = 0;
      for (let i = 0; i < keySize; i++) {
        held += keys[h][i] * ${decayText[kind]} * state[h][i][j];
      }
      return values[h][j] - held;
    }`,
    parameters: ["array", "array", "array", "array", "integer"],
  };
}

/** Rows times the strength of their head: cells `[H][V]`. */
export const scaleSource: KernelSource = {
  name: "linear-recurrence-scale",
  source:
    "function (rows, beta) { return beta[this.thread.y] * rows[this.thread.y][this.thread.x]; }",
  parameters: ["array", "array"],
};

/** The state after a token: cells `[H][K][V]`. */
function stateSource(kind: DecayKind): KernelSource {
  return {
    name: `linear-recurrence-state/${kind}`,
    source: `function (keys, written, logDecay, state) {
      const j = this.thread.x;
      const i = this.thread.y;
      const h = this.thread.z;
      return ${decayText[kind]} * state[h][i][j] + keys[h][i] * written[h][j];
    }`,
    parameters: ["array", "array", "array", "array"],
  };
}

const copySource: KernelSource = {
  name: "linear-recurrence-copy",
  source: "function (state) { return state[this.thread.z][this.thread.y][this.thread.x]; }",
  parameters: ["array"],
};

/** Steps from token to token, for both directions. */
export class TokenSteps {
  readonly kind: DecayKind;
  /** Elements of a token's gates for each head. */
  readonly width: number;
  readonly isDelta: boolean;
  /** Fastest first. */
  readonly stateSizes: readonly number[];
  /** `u` and `w = β u` of the last token, `[H, V]`, where the delta rule makes them. */
  readonly difference: ArrayArgument;
  readonly written: ArrayArgument;
  readonly #launch: GpujsContext<unknown>["launch"];
  readonly #inputs: ForwardInputs;

  constructor(
    { launch, temporary }: Pick<GpujsContext<unknown>, "launch" | "temporary">,
    inputs: ForwardInputs,
  ) {
    const [, , , logDecay, beta, state] = inputs;
    const [, heads = 0, keySize = 0, valueSize = 0] = state.shape;
    this.#launch = launch;
    this.#inputs = inputs;
    this.width = logDecay.size === 0 ? 0 : logDecay.dimension(2);
    this.kind = this.width === 0 ? "none" : this.width === 1 ? "scalar" : "vector";
    this.isDelta = beta.size > 0;
    this.stateSizes = [valueSize, keySize, heads];
    const row = () => ({
      slice: sliceOf(temporary([heads, valueSize])),
      sizes: [valueSize, heads],
    });
    this.difference = row();
    this.written = row();
  }

  /** Rows of all heads of a token. */
  rows(tensor: Tensor, t: number, size: number): ArrayArgument {
    const heads = this.stateSizes[2] ?? 0;
    return { slice: partOf(tensor, t * heads * size, heads * size), sizes: [size, heads] };
  }

  /** The gates of a token; a kernel that does not read them is given its keys. */
  gates(t: number): ArrayArgument {
    const [, keys, , logDecay] = this.#inputs;
    return this.kind === "none"
      ? this.rows(keys, t, keys.dimension(2))
      : this.rows(logDecay, t, this.width);
  }

  /** The strengths of a token, `[H]`. */
  strengths(t: number): ArrayArgument {
    const heads = this.stateSizes[2] ?? 0;
    return { slice: partOf(this.#inputs[4], t * heads, heads), sizes: [heads] };
  }

  /** What a token writes, from the state before it. */
  write(t: number, before: BufferSlice): ArrayArgument {
    const [, keys, values] = this.#inputs;
    const [valueSize = 0, keySize = 0, heads = 0] = this.stateSizes;
    const value = this.rows(values, t, valueSize);
    if (!this.isDelta) return value;
    const state = { slice: before, sizes: this.stateSizes };
    const operands = [this.rows(keys, t, keySize), value, this.gates(t), state, keySize];
    const cells = [valueSize, heads];
    this.#launch(differenceSource(this.kind), operands, cells, this.difference.slice);
    this.#launch(scaleSource, [this.difference, this.strengths(t)], cells, this.written.slice);
    return this.written;
  }

  /** From the state before a token to that after it. */
  advance(t: number, before: BufferSlice, after: BufferSlice): void {
    const [, keys] = this.#inputs;
    const key = this.rows(keys, t, keys.dimension(2));
    const state = { slice: before, sizes: this.stateSizes };
    const operands = [key, this.write(t, before), this.gates(t), state];
    this.#launch(stateSource(this.kind), operands, this.stateSizes, after);
  }

  copyState(from: BufferSlice, to: BufferSlice): void {
    this.#launch(copySource, [{ slice: from, sizes: this.stateSizes }], this.stateSizes, to);
  }
}

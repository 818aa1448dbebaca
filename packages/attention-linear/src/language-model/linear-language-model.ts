import {
  add,
  assign,
  type Device,
  keep,
  linear,
  mul,
  noGrad,
  normal,
  ones,
  rmsNorm,
  ShapeError,
  silu,
  type Tensor,
  tensor,
  tidy,
} from "@x/tensor";
import { AttentionOptionError } from "../errors";
import type { FeatureMap } from "../feature-map";
import {
  LinearAttention,
  type LinearAttentionKind,
  type LinearAttentionParameters,
} from "../layer";
import type { RecurrenceOptions } from "../recurrence";
import { lookUp } from "./look-up";

/** Sizes of a {@link LinearLanguageModel}. */
export interface LinearLanguageModelConfig {
  readonly kind: LinearAttentionKind;
  /** Tokens, `V`. */
  readonly vocabularySize: number;
  /** Width of the residual stream. */
  readonly dim: number;
  readonly heads: number;
  readonly layers: number;
  /** Size of a head's queries and keys. Default `dim / heads`. */
  readonly keySize?: number;
  /** Size of a head's values. Default `dim / heads`. */
  readonly valueSize?: number;
  /** Width of the feed-forward layers. Default `2 · dim`. */
  readonly feedForwardSize?: number;
  /**
   * Positions with a learned vector each, and so the most tokens of a sequence; the vectors begin as
   * sinusoids. Default none: order shows in the decays and gates alone.
   */
  readonly positions?: number;
}

/** Settings of a {@link LinearLanguageModel}. */
export interface LinearLanguageModelOptions extends LinearLanguageModelConfig {
  readonly device: Device;
  /** φ, for `linear` only. Default `eluPlusOne`. */
  readonly featureMap?: FeatureMap;
  /** Chooses the initial parameters. Default 0. */
  readonly seed?: number;
}

/** Settings of a step of a {@link LinearLanguageModel}. */
export interface StepOptions extends Pick<RecurrenceOptions, "form" | "cuSeqlens"> {
  /** States after the tokens before, one for each layer: `[B, H, K, ·]`. Default: none before. */
  readonly state?: readonly Tensor[];
  /** Tokens of each sequence before these. Default 0. */
  readonly pastLengths?: ArrayLike<number>;
  /** In place of the model's own: this is how gradients are taken. */
  readonly parameters?: Readonly<Record<string, Tensor>>;
}

/** Features or logits, with the states after the last tokens. Dispose them. */
export interface LinearModelStep {
  readonly value: Tensor;
  /** One for each layer, the same size whatever the text. */
  readonly state: readonly Tensor[];
}

/**
 * A language model of linear attention: embedding, blocks of attention and a gated feed-forward layer
 * (SwiGLU, Shazeer 2020, arXiv 2002.05202) on a residual stream with RMS norms, and a linear head. What
 * it remembers of a text has the same size however long the text is.
 *
 * @example
 * ```ts
 * using model = new LinearLanguageModel({
 *   kind: "gatedDelta", vocabularySize: 1024, dim: 128, heads: 4, layers: 4, device,
 * });
 * const prompt = model.logits(tokens); // int32 [B, T] to [B, T, V]
 * const next = model.logits(token, { state: prompt.state, pastLengths: [T] });
 * ```
 */
export class LinearLanguageModel implements Disposable {
  readonly config: LinearLanguageModelConfig;
  readonly device: Device;
  /**
   * `embedding [V, dim]`, `positions [P, dim]`, `norm [dim]`, `head [V, dim]`, and for each block
   * `blocks.N.` with `attention.*`, `attentionNorm`, `feedForwardNorm`, `gate`, `up` and `down`.
   */
  readonly parameters: Readonly<Record<string, Tensor>>;
  readonly #layers: readonly LinearAttention[];

  /** @throws {@link AttentionOptionError} when a size is not a positive integer, or does not fit. */
  constructor({ device, featureMap, seed = 0, ...config }: LinearLanguageModelOptions) {
    this.config = config;
    this.device = device;
    const { vocabularySize, dim, heads, layers, kind, keySize, valueSize, positions } = config;
    const { feedForwardSize = 2 * dim } = config;
    const sizes = { vocabularySize, layers, feedForwardSize, ...(positions && { positions }) };
    for (const [name, size] of Object.entries(sizes)) {
      if (Number.isInteger(size) && size > 0) continue;
      throw new AttentionOptionError(
        `LinearLanguageModel: ${name} is ${size}; use an integer of 1 or more`,
        { [name]: size },
      );
    }
    this.#layers = Array.from(
      { length: layers },
      (_, index) =>
        new LinearAttention({
          ...{ device, dim, heads, kind, seed: seed + 100 * (index + 1) },
          ...(keySize && { keySize }),
          ...(valueSize && { valueSize }),
          ...(featureMap && { featureMap }),
        }),
    );
    let drawn = 0;
    const weight = (rows: number, columns: number, deviation = 1 / Math.sqrt(columns)) =>
      keep(normal([rows, columns], { device, seed: seed + drawn++, deviation }));
    const norm = () => keep(ones([dim], { device }));
    const blocks = this.#layers.map((layer) => ({
      ...prefixed("attention", { ...layer.parameters }),
      attentionNorm: norm(),
      feedForwardNorm: norm(),
      gate: weight(feedForwardSize, dim),
      up: weight(feedForwardSize, dim),
      down: weight(dim, feedForwardSize, 1 / Math.sqrt(feedForwardSize * layers)),
    }));
    this.parameters = {
      embedding: weight(vocabularySize, dim, 1),
      ...(positions && { positions: keep(sinusoids(positions, dim, device)) }),
      ...Object.assign({}, ...blocks.map((block, index) => prefixed(`blocks.${index}`, block))),
      norm: norm(),
      head: weight(vocabularySize, dim),
    };
  }

  /** Number of trained numbers. */
  get parameterCount(): number {
    return Object.values(this.parameters).reduce((sum, { size }) => sum + size, 0);
  }

  /** Elements of each layer's state of one sequence: `[H, K, ·]`. */
  get stateShape(): readonly number[] {
    return this.#layers[0]?.stateShape ?? [];
  }

  /**
   * Logits of the next token after every token.
   *
   * @param tokens - int32 `[B, T]`; `[1, N]` with `cuSeqlens`.
   * @returns Logits `[B, T, V]`.
   * @throws {@link AttentionOptionError} when a sequence has more tokens than there are positions.
   */
  logits(tokens: Tensor, options: StepOptions = {}): LinearModelStep {
    return tidy(() => {
      const { value, state } = this.features(tokens, options);
      return { value: this.head(value, options.parameters), state };
    });
  }

  /** As {@link logits}, before the head: `[B, T, dim]`. */
  features(tokens: Tensor, options: StepOptions = {}): LinearModelStep {
    if (tokens.rank !== 2) {
      throw new ShapeError(
        `LinearLanguageModel: tokens are [${tokens.shape.join(", ")}]; use [B, T]`,
        { shape: tokens.shape },
      );
    }
    const { parameters = this.parameters, state, pastLengths, ...recurrence } = options;
    const positions = this.#positionsOf(tokens, recurrence.cuSeqlens, pastLengths);
    return tidy(() => {
      const named = (name: string) => parameterOf(parameters, name);
      let x = lookUp(named("embedding"), tokens); // [B, T, dim]
      if (positions !== undefined) {
        const { shape, device } = tokens;
        const ids = tensor(positions, shape, { device, dtype: "int32" });
        x = add(x, lookUp(named("positions"), ids));
      }
      const states = this.#layers.map((layer, index) => {
        const own = (name: string) => named(`blocks.${index}.${name}`);
        const before = state?.[index];
        const attended = layer.forward(rmsNorm(x, own("attentionNorm")), {
          ...recurrence,
          ...(before && { initialState: before }),
          parameters: layerParameters(layer, own),
        });
        x = add(x, attended.output);
        const normed = rmsNorm(x, own("feedForwardNorm"));
        const gated = mul(silu(linear(normed, own("gate"))), linear(normed, own("up")));
        x = add(x, linear(gated, own("down")));
        return attended.state;
      });
      return { value: rmsNorm(x, named("norm")), state: states };
    });
  }

  /** Logits `[..., V]` of features `[..., dim]`. */
  head(features: Tensor, parameters = this.parameters): Tensor {
    return linear(features, parameterOf(parameters, "head"));
  }

  /** Copies weights into the parameters. @throws {@link AttentionOptionError} when they do not fit. */
  load(weights: Readonly<Record<string, Tensor>>): void {
    for (const [name, { shape }] of Object.entries(this.parameters)) {
      const given = weights[name]?.shape;
      if (given?.join() === shape.join()) continue;
      throw new AttentionOptionError(
        `LinearLanguageModel: ${name} is ${given ? `[${given.join(", ")}]` : "missing"} but must be [${shape.join(", ")}]; use the weights of a model of the same sizes`,
        { name, expected: shape, given },
      );
    }
    noGrad(() => {
      for (const [name, parameter] of Object.entries(this.parameters)) {
        const values = weights[name];
        if (values !== undefined) assign(parameter, values);
      }
    });
  }

  /** Frees the parameters. */
  dispose(): void {
    for (const parameter of Object.values(this.parameters)) parameter.dispose();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Position of each token, where positions are learned. */
  #positionsOf(
    tokens: Tensor,
    cuSeqlens: ArrayLike<number> | undefined,
    pastLengths: ArrayLike<number> | undefined,
  ): Int32Array | undefined {
    const limit = this.config.positions;
    if (limit === undefined) return undefined;
    const [batch = 0, time = 0] = tokens.shape;
    const starts =
      cuSeqlens === undefined
        ? Array.from({ length: batch + 1 }, (_, row) => row * time)
        : Array.from(cuSeqlens);
    const positions = new Int32Array(batch * time);
    for (const [sequence, start] of starts.slice(0, -1).entries()) {
      const past = pastLengths?.[sequence] ?? 0;
      const end = starts[sequence + 1] ?? start;
      if (past + end - start > limit) {
        throw new AttentionOptionError(
          `LinearLanguageModel: sequence ${sequence} has ${past + end - start} tokens; use at most ${limit}, the positions of the model`,
          { sequence, tokens: past + end - start, positions: limit },
        );
      }
      for (let t = start; t < end; t++) positions[t] = past + t - start;
    }
    return positions;
  }
}

/**
 * Sines and cosines of wavelengths from 2π to 20,000π, `[positions, dim]` (Vaswani et al. 2017,
 * arXiv 1706.03762, section 3.5): a shift in position is a rotation, which a linear layer can learn.
 */
function sinusoids(positions: number, dim: number, device: Device): Tensor {
  const values = Float32Array.from({ length: positions * dim }, (_, index) => {
    const [position, column] = [Math.floor(index / dim), index % dim];
    const angle = position / 10_000 ** ((column - (column % 2)) / dim);
    return column % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
  return tensor(values, [positions, dim], { device });
}

function parameterOf(parameters: Readonly<Record<string, Tensor>>, name: string): Tensor {
  const parameter = parameters[name];
  if (parameter !== undefined) return parameter;
  throw new AttentionOptionError(`LinearLanguageModel: ${name} is missing; pass all parameters`, {
    name,
  });
}

/** A block's attention weights, by the names that the layer knows them by. */
function layerParameters(
  layer: LinearAttention,
  own: (name: string) => Tensor,
): LinearAttentionParameters {
  const entries = Object.keys(layer.parameters).map((name) => [name, own(`attention.${name}`)]);
  return { ...layer.parameters, ...Object.fromEntries(entries) };
}

function prefixed(
  prefix: string,
  parameters: Readonly<Record<string, Tensor>>,
): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, one]) => [`${prefix}.${name}`, one]),
  );
}

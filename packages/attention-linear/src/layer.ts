import {
  type Device,
  keep,
  linear,
  mul,
  neg,
  normal,
  ones,
  reshape,
  rmsNorm,
  ShapeError,
  sigmoid,
  softplus,
  type Tensor,
  tidy,
} from "@x/tensor";
import { AttentionOptionError } from "./errors";
import { deltaRule, gatedDeltaRule, gatedLinearAttention, retention } from "./family";
import { eluPlusOne, type FeatureMap } from "./feature-map";
import { linearAttention } from "./linear-attention";
import type { RecurrenceOptions, RecurrenceResult } from "./recurrence";

/** Which member of the family a layer computes. */
export type LinearAttentionKind = "linear" | "retention" | "gatedLinear" | "delta" | "gatedDelta";

/** Settings of {@link LinearAttention}. */
export interface LinearAttentionLayerOptions {
  readonly device: Device;
  /** Width of the input and the output. */
  readonly dim: number;
  /** Number of heads. */
  readonly heads: number;
  /** Size K of a head's queries and keys. Default `dim / heads`. */
  readonly keySize?: number;
  /** Size V of a head's values. Default `dim / heads`. */
  readonly valueSize?: number;
  /** Default `linear`. */
  readonly kind?: LinearAttentionKind;
  /** φ, for `linear` only. Default `eluPlusOne`. */
  readonly featureMap?: FeatureMap;
  /** Chooses the initial weights: normal with deviation `1 / √dim`. */
  readonly seed: number;
}

/** Weights of a layer by name; linear layers are `[out, in]`, as in PyTorch. */
export interface LinearAttentionParameters {
  /** `[H · K, dim]`. */
  readonly query: Tensor;
  /** `[H · K, dim]`. */
  readonly key: Tensor;
  /** `[H · V, dim]`. */
  readonly value: Tensor;
  /** `[dim, H · V]`. */
  readonly output: Tensor;
  /** `[H · K, dim]` for `gatedLinear`, `[H, dim]` for `gatedDelta`. */
  readonly gate?: Tensor;
  /** `[H, dim]` for the delta rules. */
  readonly beta?: Tensor;
  /** `[V]`, weight of the norm of each head's output, for all but `linear`. */
  readonly norm?: Tensor;
}

/** Settings of a call of a layer. */
export interface ForwardOptions extends RecurrenceOptions {
  /** In place of the layer's own: this is how gradients are taken. */
  readonly parameters?: LinearAttentionParameters;
}

/** What a layer gives. Dispose both. */
export interface LinearAttentionLayerResult {
  /** `[B, T, dim]`. */
  readonly output: Tensor;
  /** The state after the last token: constant in size, to continue from. */
  readonly state: Tensor;
}

/**
 * A causal attention layer with a state of constant size: projections to heads, one of the
 * recurrences, a norm of each head's output (RetNet, section 2.2; `linear`, whose outputs are averages
 * of values, needs none), and a projection back.
 *
 * @example
 * ```ts
 * using layer = new LinearAttention({ device, dim: 64, heads: 4, kind: "delta", seed: 1 });
 * const prompt = layer.forward(tokens); // [B, T, dim]
 * const next = layer.forward(token, { initialState: prompt.state });
 * ```
 */
export class LinearAttention implements Disposable {
  readonly parameters: LinearAttentionParameters;
  readonly #options: Required<Omit<LinearAttentionLayerOptions, "featureMap">>;
  readonly #featureMap: FeatureMap | undefined;

  /** @throws {AttentionOptionError} when the heads do not divide the width, or a map has no use. */
  constructor({ featureMap, ...options }: LinearAttentionLayerOptions) {
    const { device, dim, heads, kind = "linear", seed } = options;
    const headSize = dim / heads;
    const { keySize = headSize, valueSize = headSize } = options;
    if (![dim, heads, keySize, valueSize].every((size) => Number.isInteger(size) && size > 0)) {
      throw new AttentionOptionError(
        `LinearAttention: dim ${dim} does not split into ${heads} heads; use a multiple, or give keySize and valueSize`,
        { dim, heads, keySize, valueSize },
      );
    }
    if (featureMap !== undefined && kind !== "linear") {
      throw new AttentionOptionError(`LinearAttention: a feature map has no use in kind ${kind}`, {
        kind,
      });
    }
    this.#options = { device, dim, heads, kind, seed, keySize, valueSize };
    this.#featureMap = featureMap;
    this.parameters = this.#initialize();
  }

  /** Sizes of the state of one sequence: `[H, K, V]`, or `[H, F, V + 1]` of `linear`, F features. */
  get stateShape(): readonly number[] {
    const { heads, keySize, valueSize, kind } = this.#options;
    if (kind !== "linear") return [heads, keySize, valueSize];
    return [heads, (this.#featureMap ?? eluPlusOne).features(keySize), valueSize + 1];
  }

  /**
   * Runs the layer.
   *
   * @param x - `[B, T, dim]`.
   */
  forward(
    x: Tensor,
    { parameters = this.parameters, ...recurrence }: ForwardOptions = {},
  ): LinearAttentionLayerResult {
    const { dim, heads } = this.#options;
    if (x.rank !== 3 || x.shape[2] !== dim) {
      throw new ShapeError(
        `LinearAttention: the input is [${x.shape.join(", ")}]; use [B, T, ${dim}]`,
        { shape: x.shape, dim },
      );
    }
    return tidy(() => {
      const { output, finalState } = this.#attend(x, parameters, recurrence);
      const [batch = 0, time = 0] = x.shape;
      const { norm } = parameters;
      const normed = norm === undefined ? output : rmsNorm(output, norm);
      const joined = reshape(normed, [batch, time, heads * this.#options.valueSize]);
      return { output: linear(joined, parameters.output), state: finalState };
    });
  }

  /** Frees the weights. */
  dispose(): void {
    for (const tensor of Object.values(this.parameters)) tensor.dispose();
  }

  /** As `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #attend(
    x: Tensor,
    parameters: LinearAttentionParameters,
    options: RecurrenceOptions,
  ): RecurrenceResult {
    const { heads, kind } = this.#options;
    const [batch = 0, time = 0] = x.shape;
    const project = (weight: Tensor) => linear(x, weight).reshape([batch, time, heads, -1]);
    const perHead = (weight: Tensor | undefined) => linear(x, required(weight)); // [B, T, H]
    const queries = project(parameters.query);
    const keys = project(parameters.key);
    const values = project(parameters.value);
    switch (kind) {
      case "linear": {
        const featureMap = this.#featureMap;
        return linearAttention(queries, keys, values, {
          ...options,
          ...(featureMap && { featureMap }),
        });
      }
      case "retention":
        return retention(queries, keys, values, options);
      case "gatedLinear": {
        // Divided by 16, so that an untrained gate keeps most of the state (GLA, section 4.4).
        const gates = mul(softplus(neg(project(required(parameters.gate)))), -1 / 16);
        return gatedLinearAttention(queries, keys, values, gates, options);
      }
      case "delta":
        return deltaRule(queries, keys, values, sigmoid(perHead(parameters.beta)), options);
      case "gatedDelta": {
        const beta = sigmoid(perHead(parameters.beta));
        const gates = mul(softplus(neg(perHead(parameters.gate))), -1 / 16);
        return gatedDeltaRule(queries, keys, values, beta, gates, options);
      }
      default:
        return kind satisfies never;
    }
  }

  #initialize(): LinearAttentionParameters {
    const { device, dim, heads, kind, keySize, valueSize, seed } = this.#options;
    let drawn = 0;
    const weight = (rows: number, columns: number) =>
      keep(
        normal([rows, columns], {
          device,
          seed: seed + drawn++,
          deviation: 1 / Math.sqrt(columns),
        }),
      );
    return {
      query: weight(heads * keySize, dim),
      key: weight(heads * keySize, dim),
      value: weight(heads * valueSize, dim),
      output: weight(dim, heads * valueSize),
      ...(kind === "gatedLinear" && { gate: weight(heads * keySize, dim) }),
      ...(kind === "gatedDelta" && { gate: weight(heads, dim) }),
      ...((kind === "delta" || kind === "gatedDelta") && { beta: weight(heads, dim) }),
      ...(kind !== "linear" && { norm: keep(ones([valueSize], { device })) }),
    };
  }
}

function required(weight: Tensor | undefined): Tensor {
  if (weight !== undefined) return weight;
  throw new AttentionOptionError(
    "LinearAttention: a weight of this kind is missing; pass them all",
  );
}

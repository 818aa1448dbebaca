import {
  add,
  assign,
  crossEntropy,
  customGradient,
  type Device,
  embedding,
  keep,
  linear,
  matmul,
  noGrad,
  normal,
  oneHot,
  type Parameters,
  reshape,
  type Tensor,
  tidy,
  zeros,
} from "@x/tensor";
import { RecurrentInputError, RecurrentOptionsError } from "../errors";
import { GRU } from "../layers/gru";
import type { RecurrentState } from "../layers/layer-input";
import { LSTM, type LSTMState } from "../layers/lstm";
import { assertParameters } from "../layers/parameters";
import type { RecurrentLayer } from "../layers/recurrent-layer";

/** Sizes of a {@link RecurrentLanguageModel}. */
export interface RecurrentLanguageModelConfig {
  readonly cell: "lstm" | "gru";
  /** Tokens, `V`. */
  readonly vocabularySize: number;
  /** Features of a token, `E`. */
  readonly embeddingSize: number;
  /** Features of the state, `H`. */
  readonly hiddenSize: number;
  readonly layers: number;
}

/** Settings of a {@link RecurrentLanguageModel}. */
export interface RecurrentLanguageModelOptions extends RecurrentLanguageModelConfig {
  readonly device: Device;
  /** Chooses the initial parameters. Default 0. */
  readonly seed?: number;
}

/** Logits or a loss, with the state after the last token. Dispose them. */
export interface LanguageModelStep {
  readonly value: Tensor;
  readonly state: RecurrentState;
}

/**
 * A language model: embedding, recurrent layers, a linear head over the vocabulary. What it
 * remembers of a text has the same size however long the text is.
 *
 * @example
 * ```ts
 * using model = new RecurrentLanguageModel({
 *   cell: "lstm", vocabularySize: 1024, embeddingSize: 192, hiddenSize: 384, layers: 1, device,
 * });
 * const { value: logits, state } = model.logits(tokens, model.createState(1)); // tokens [T, 1]
 * ```
 */
export class RecurrentLanguageModel implements Disposable {
  readonly config: RecurrentLanguageModelConfig;
  /** `embedding.weight [V, E]`, `head.weight [V, H]`, `head.bias [V]`, and the layers' as `rnn.*`. */
  readonly parameters: Record<string, Tensor>;
  readonly #layer: RecurrentLayer<RecurrentState> | RecurrentLayer<LSTMState>;

  /** @throws {RecurrentOptionsError} when a size is not a positive integer. */
  constructor({ device, seed = 0, ...config }: RecurrentLanguageModelOptions) {
    this.config = config;
    const { cell, vocabularySize, embeddingSize, hiddenSize, layers } = config;
    if (!(Number.isSafeInteger(vocabularySize) && vocabularySize > 0)) {
      throw new RecurrentOptionsError(
        `language model: vocabularySize is ${vocabularySize}; use an integer of 1 or more`,
        { vocabularySize },
      );
    }
    const settings = { inputSize: embeddingSize, hiddenSize, layers, device, seed };
    this.#layer = cell === "lstm" ? new LSTM(settings) : new GRU(settings);
    const own = { device, seed: seed + 1 };
    const named = Object.entries(this.#layer.parameters).map(([name, one]) => [`rnn.${name}`, one]);
    this.parameters = {
      "embedding.weight": keep(normal([vocabularySize, embeddingSize], { ...own, deviation: 0.1 })),
      ...(Object.fromEntries(named) as Record<string, Tensor>),
      "head.weight": keep(
        normal([vocabularySize, hiddenSize], { ...own, deviation: 1 / Math.sqrt(hiddenSize) }),
      ),
      "head.bias": keep(zeros([vocabularySize], { device })),
    };
  }

  /** Number of trained numbers. */
  get parameterCount(): number {
    return Object.values(this.parameters).reduce((sum, { size }) => sum + size, 0);
  }

  /** A state of zeros for `batch` texts. */
  createState(batch: number): RecurrentState {
    return this.#layer.createState(batch);
  }

  /**
   * Logits of the next token after every token.
   *
   * @param tokens - int32 `[T, B]`.
   * @param parameters - Default: the model's own.
   * @returns Logits `[T, B, V]`.
   */
  logits(
    tokens: Tensor,
    state: RecurrentState,
    parameters: Parameters = this.parameters,
  ): LanguageModelStep {
    return tidy(() => {
      const hidden = this.#hidden(tokens, state, parameters);
      const { weight, bias } = head(parameters);
      return { value: add(linear(hidden.value, weight), bias), state: hidden.state };
    });
  }

  /**
   * Mean negative log-likelihood of `targets`, in nats.
   *
   * @param tokens - int32 `[T, B]`. @param targets - int32 `[T, B]`: the tokens that follow.
   */
  loss(
    tokens: Tensor,
    targets: Tensor,
    state: RecurrentState,
    parameters: Parameters = this.parameters,
  ): LanguageModelStep {
    return tidy(() => {
      const { value, state: next } = this.logits(tokens, state, parameters);
      return { value: crossEntropy(value, targets), state: next };
    });
  }

  /** Copies weights into the parameters. @throws {WeightsError} when they do not fit. */
  load(weights: Parameters): void {
    const shapes = Object.entries(this.parameters).map(
      ([name, { shape }]) => [name, shape] as const,
    );
    assertParameters("language model", new Map(shapes), weights);
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

  #hidden(tokens: Tensor, state: RecurrentState, parameters: Parameters): LanguageModelStep {
    const table = parameters["embedding.weight"];
    if (table === undefined || tokens.rank !== 2) {
      throw new RecurrentInputError(
        `language model: tokens are [${tokens.shape.join(", ")}]; use [T, B] and all parameters`,
        { shape: tokens.shape },
      );
    }
    const input = lookUp(table, tokens); // [T, B, E]
    const own = Object.entries(parameters).flatMap(([name, one]) =>
      name.startsWith("rnn.") ? [[name.slice(4), one] as const] : [],
    );
    const settings = { parameters: Object.fromEntries(own) };
    const { output, state: next } =
      this.#layer instanceof LSTM
        ? this.#layer.forward(input, { ...settings, state: state as LSTMState })
        : (this.#layer as GRU).forward(input, { ...settings, state });
    return { value: output, state: next };
  }
}

function head(parameters: Parameters): { weight: Tensor; bias: Tensor } {
  const { "head.weight": weight, "head.bias": bias } = parameters;
  if (weight === undefined || bias === undefined) {
    throw new RecurrentInputError("language model: head.weight or head.bias is missing; pass both");
  }
  return { weight, bias };
}

/**
 * Rows of a table. The gradient is a product with the one-hot tokens: for vocabularies of a few
 * thousand it is much faster on `wasm` than adding row by row in gpu.js.
 */
function lookUp(table: Tensor, tokens: Tensor): Tensor {
  const [rows, width] = [table.dimension(0), table.dimension(1)];
  return customGradient({
    forward: (own) => embedding(own, tokens),
    backward: (gradient) => {
      const chosen = oneHot(reshape(tokens, [tokens.size]), rows);
      return [matmul(chosen.transpose(), reshape(gradient, [tokens.size, width]))];
    },
  })(table);
}

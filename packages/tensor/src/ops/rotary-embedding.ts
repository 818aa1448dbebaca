import type { KernelSource } from "../gpujs/kernel-source";
import type { Tensor } from "../tensor";
import { assertDType, assertIndexes, assertShapes } from "./checks";
import { asArgument, type Operation, runSingle, sliceOf } from "./operation";
import { neg } from "./unary";

/** Settings of {@link rotaryEmbedding}. */
export interface RotaryEmbeddingOptions {
  /**
   * `true`: a pair is two neighbours `(2i, 2i+1)`, as in the paper and in GGUF Llama files.
   * `false` (default): a pair is `(i, i + R/2)`, as in GPT-NeoX and Hugging Face checkpoints.
   */
  readonly interleaved?: boolean;
}

interface RotaryAttributes {
  readonly interleaved: boolean;
}

const rotate: KernelSource = {
  name: "rotary-embedding",
  source: `function (x, cosine, sine, positions, heads, rotary, interleaved) {
    const d = this.thread.x;
    const value = x[this.thread.y][d];
    let result = value;
    if (d < rotary) {
      const half = rotary / 2;
      let pair = d;
      let partner = d;
      let sign = -1;
      if (interleaved > 0) {
        pair = Math.floor(d / 2);
        partner = d + 1;
        if (d % 2 > 0.5) { partner = d - 1; sign = 1; }
      } else {
        partner = d + half;
        if (d >= half) { pair = d - half; partner = d - half; sign = 1; }
      }
      const position = positions[Math.floor((this.thread.y + 0.5) / heads)];
      result = value * cosine[position][pair] + sign * x[this.thread.y][partner] * sine[position][pair];
    }
    return result;
  }`,
  parameters: ["array", "array", "array", "array", "integer", "integer", "integer"],
};

const rotaryOperation: Operation<RotaryAttributes, [Tensor, Tensor, Tensor, Tensor], [Tensor]> = {
  name: "rotaryEmbedding",
  infer: ([input, cosine, sine, positions]) => {
    const name = "rotaryEmbedding";
    assertDType(name, "the input", input, "float32");
    assertDType(name, "the cosine table", cosine, "float32");
    assertDType(name, "the sine table", sine, "float32");
    assertDType(name, "the positions", positions, "int32");
    const half = cosine.shape[1] ?? 0;
    const fits =
      input.rank === 3 &&
      cosine.rank === 2 &&
      sine.rank === 2 &&
      cosine.shape[0] === sine.shape[0] &&
      half === sine.shape[1] &&
      half * 2 <= input.dimension(2) &&
      positions.rank === 1 &&
      positions.shape[0] === input.shape[0];
    const expectation = "use input [N, H, D], tables [P, R/2] with R ≤ D, positions [N]";
    assertShapes(name, fits, expectation, input, cosine, sine, positions);
    return [{ dtype: "float32", shape: input.shape }];
  },
  gpujs: ({ inputs: [input, cosine, sine, positions], outputs: [output], attributes, launch }) => {
    if (input.size === 0) return;
    const [tokens = 0, heads = 0, headSize = 0] = input.shape;
    const [tableLength = 0, half = 0] = cosine.shape;
    launch(
      rotate,
      [
        asArgument(input, [headSize, tokens * heads]),
        asArgument(cosine, [half, tableLength]),
        asArgument(sine, [half, tableLength]),
        asArgument(positions),
        heads,
        half * 2,
        attributes.interleaved ? 1 : 0,
      ],
      [headSize, tokens * heads],
      sliceOf(output),
    );
  },
  gradient: {
    saves: "inputs",
    // The inverse rotation: by the negative angle. The tables are constants.
    compute: ({ inputs: [, cosine, sine, positions], outputGradient, attributes }) => [
      runSingle(rotaryOperation, [outputGradient, cosine, neg(sine), positions], attributes),
    ],
  },
};

/**
 * Rotary position embedding: each pair of a head's elements is rotated by an angle that grows
 * with the token's position (Su et al. 2021, arXiv 2104.09864, eq. 34). Elements past `R` pass
 * through.
 *
 * @param input - float32 `[N, H, D]`: tokens, heads, head size.
 * @param cosine - float32 `[P, R/2]`: the cosine of each position's angles.
 * @param sine - float32 `[P, R/2]`.
 * @param positions - int32 `[N]`: each token's position.
 * @returns float32 `[N, H, D]`.
 * @throws {OutOfRangeError} when a position is not within the tables.
 */
export function rotaryEmbedding(
  input: Tensor,
  cosine: Tensor,
  sine: Tensor,
  positions: Tensor,
  { interleaved = false }: RotaryEmbeddingOptions = {},
): Tensor {
  assertIndexes("rotaryEmbedding", "position", positions, cosine.dimension(0));
  return runSingle(rotaryOperation, [input, cosine, sine, positions], { interleaved });
}

import type { KernelSource } from "../gpujs/kernel-source";
import type { Tensor } from "../tensor";
import { add, mul } from "./binary";
import { assertDType, assertShapes } from "./checks";
import { stack } from "./concat";
import { asArgument, type Operation, runSingle, sliceOf } from "./operation";
import { flip, pad } from "./pad";
import { sum } from "./reductions";

const convolve: KernelSource = {
  name: "causal-conv1d",
  source: `function (x, weight, channels, width) {
    const channel = this.thread.y % channels;
    let sum = 0;
    for (let k = 0; k < width; k++) {
      const time = this.thread.x + k - (width - 1);
      if (time >= 0) { sum += weight[channel][k] * x[this.thread.y][time]; }
    }
    return sum;
  }`,
  parameters: ["array", "array", "integer", "integer"],
};

const causalConv1dOperation: Operation<undefined, [Tensor, Tensor], [Tensor]> = {
  name: "causalConv1d",
  infer: ([input, weight]) => {
    assertDType("causalConv1d", "the input", input, "float32");
    assertDType("causalConv1d", "the weight", weight, "float32");
    const fits = input.rank === 3 && weight.rank === 2 && weight.shape[0] === input.shape[1];
    const expectation = "use input [B, C, T] and weight [C, K]";
    assertShapes("causalConv1d", fits && weight.dimension(1) > 0, expectation, input, weight);
    return [{ dtype: "float32", shape: input.shape }];
  },
  gpujs: ({ inputs: [input, weight], outputs: [output], launch }) => {
    if (input.size === 0) return;
    const [batch = 0, channels = 0, times = 0] = input.shape;
    const width = weight.dimension(1);
    launch(
      convolve,
      [
        asArgument(input, [times, batch * channels]),
        asArgument(weight, [width, channels]),
        channels,
        width,
      ],
      [times, batch * channels],
      sliceOf(output),
    );
  },
  gradient: {
    saves: "inputs",
    compute: ({ inputs: [input, weight], outputGradient, needs }) => [
      needs[0] ? inputGradient(weight, outputGradient) : undefined,
      needs[1] ? weightGradient(input, weight.dimension(1), outputGradient) : undefined,
    ],
  },
};

/** Convolution against time: the causal one of the reversed gradient, reversed. */
function inputGradient(weight: Tensor, gradient: Tensor): Tensor {
  const reversed = flip(gradient, { axis: 2 });
  const convolved = runSingle(causalConv1dOperation, [reversed, weight], undefined);
  return flip(convolved, { axis: 2 });
}

function weightGradient(input: Tensor, width: number, gradient: Tensor): Tensor {
  const times = input.dimension(2);
  const padded = pad(input, [
    [0, 0],
    [0, 0],
    [width - 1, 0],
  ]);
  const taps = Array.from({ length: width }, (_, k) =>
    sum(mul(gradient, padded.slice(2, k, k + times)), { axis: [0, 2] }),
  );
  return stack(taps, { axis: 1 });
}

/** Settings of {@link causalConv1d}. */
export interface CausalConv1dOptions {
  /** float32 `[C]`, added to each channel. Default: none. */
  readonly bias?: Tensor;
}

/**
 * Causal depthwise convolution over time: each channel has a filter of its own, and sees only the
 * present and the past, `y[b, c, t] = bias[c] + Σₖ weight[c, k] · x[b, c, t - (K - 1) + k]`.
 *
 * @param input - float32 `[B, C, T]`.
 * @param weight - float32 `[C, K]`; `weight[:, K - 1]` meets the present.
 * @returns float32 `[B, C, T]`.
 */
export function causalConv1d(
  input: Tensor,
  weight: Tensor,
  { bias }: CausalConv1dOptions = {},
): Tensor {
  const convolved = runSingle(causalConv1dOperation, [input, weight], undefined);
  if (bias === undefined) return convolved;
  using result = convolved;
  const fits = bias.rank === 1 && bias.shape[0] === weight.shape[0];
  assertShapes("causalConv1d", fits, "use bias [C]", bias, weight);
  using column = bias.expandDims(1);
  return add(result, column);
}

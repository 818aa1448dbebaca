import type { DType } from "../dtype";
import { AutogradError } from "../errors";
import type { KernelSource } from "../gpujs/kernel-source";
import { sizeOf } from "../shape";
import type { Tensor } from "../tensor";
import { assertDType, assertShapes } from "./checks";
import { matmul } from "./matmul";
import { asArgument, type Operation, runSingle, sliceOf } from "./operation";
import { decodeBrainFloat, decodeHalf, wordsPerBlock, wordsPerRow } from "./packed-weights";
import { reshape } from "./reshape";
import { superBlockSize, unpackSuperBlockElement } from "./super-blocks";

/** Statements that add one block's (or element's) products to `sum`. */
function accumulate(dtype: DType): string {
  switch (dtype) {
    case "float32":
    case "int32":
    case "bool":
      return "sum += x[this.thread.y][block] * weight[this.thread.x][block];";
    case "bfloat16":
      return `${decodeBrainFloat("element", "weight[this.thread.x][block]")}
        sum += x[this.thread.y][block] * element;`;
    case "float16":
      return `${decodeHalf("element", "weight[this.thread.x][block]")}
        sum += x[this.thread.y][block] * element;`;
    case "q4_0":
    case "q4_1": {
      const header = dtype === "q4_0" ? 1 : 2;
      return `
        const first = block * ${wordsPerBlock(dtype)};
        const column = block * 32;
        let dot = 0;
        let total = 0;
        for (let index = 0; index < 8; index++) {
          const word = weight[this.thread.x][first + ${header} + index];
          const x0 = x[this.thread.y][column + 2 * index];
          const x1 = x[this.thread.y][column + 2 * index + 1];
          const x16 = x[this.thread.y][column + 2 * index + 16];
          const x17 = x[this.thread.y][column + 2 * index + 17];
          dot += (word & 15) * x0 + ((word >> 4) & 15) * x16;
          dot += ((word >> 8) & 15) * x1 + ((word >> 12) & 15) * x17;
          total += x0 + x1 + x16 + x17;
        }
        ${decodeHalf("scale", "weight[this.thread.x][first]")}
        ${dtype === "q4_1" ? decodeHalf("minimum", "weight[this.thread.x][first + 1]") : ""}
        sum += scale * dot + ${dtype === "q4_1" ? "minimum" : "(-8 * scale)"} * total;`;
    }
    case "q8_0":
      return `
        const first = block * 17;
        let dot = 0;
        for (let index = 0; index < 16; index++) {
          const word = weight[this.thread.x][first + 1 + index];
          let low = word & 255;
          let high = (word >> 8) & 255;
          if (low > 127) { low = low - 256; }
          if (high > 127) { high = high - 256; }
          dot += low * x[this.thread.y][block * 32 + 2 * index];
          dot += high * x[this.thread.y][block * 32 + 2 * index + 1];
        }
        ${decodeHalf("scale", "weight[this.thread.x][first]")}
        sum += scale * dot;`;
    case "q4_k":
    case "q5_k":
    case "q6_k":
      return `
        const row = this.thread.x;
        for (let offset = 0; offset < ${superBlockSize}; offset++) {
          const column = superBlock * ${superBlockSize} + offset;
          ${unpackSuperBlockElement(dtype)}
          sum += x[this.thread.y][column] * element;
        }`;
    default:
      return dtype satisfies never;
  }
}

function linearSource(dtype: DType): KernelSource {
  // What unpacks an element of a large block has a `block` of its own.
  const index = dtype.endsWith("_k") ? "superBlock" : "block";
  return {
    name: `linear-${dtype}`,
    source: `function (x, weight, blocks) {
      let sum = 0;
      for (let ${index} = 0; ${index} < blocks; ${index}++) {
        ${accumulate(dtype)}
      }
      return sum;
    }`,
    parameters: ["array", "array", "integer"],
  };
}

const linearOperation: Operation<undefined, [Tensor, Tensor], [Tensor]> = {
  name: "linear",
  infer: ([input, weight]) => {
    assertDType("linear", "the input", input, "float32");
    assertDType(
      "linear",
      "the weight",
      weight,
      "float32",
      "float16",
      "bfloat16",
      "q4_0",
      "q4_1",
      "q8_0",
      "q4_k",
      "q5_k",
      "q6_k",
    );
    const fits = input.rank > 0 && weight.rank === 2 && weight.shape[1] === input.shape.at(-1);
    assertShapes("linear", fits, "use input [..., K] and weight [N, K]", input, weight);
    return [{ dtype: "float32", shape: [...input.shape.slice(0, -1), weight.dimension(0)] }];
  },
  gpujs: ({ inputs: [input, weight], outputs: [output], launch }) => {
    if (output.size === 0) return;
    const [features = 0, width = 0] = weight.shape;
    const rows = sizeOf(input.shape.slice(0, -1));
    const perRow = wordsPerRow(weight.dtype, width);
    launch(
      linearSource(weight.dtype),
      [
        asArgument(input, [width, rows]),
        asArgument(weight, [perRow, features]),
        perRow / wordsPerBlock(weight.dtype),
      ],
      [features, rows],
      sliceOf(output),
    );
  },
  gradient: {
    saves: "inputs",
    compute: ({ inputs: [input, weight], outputGradient, needs }) => {
      const rows = reshape(outputGradient, [-1, weight.dimension(0)]);
      const flat = reshape(input, [-1, weight.dimension(1)]);
      return [
        needs[0] ? reshape(matmul(rows, plainWeight(weight)), input.shape) : undefined,
        needs[1] ? matmul(rows.transpose(), flat) : undefined,
      ];
    },
  },
};

/** The weight as a matrix that can be multiplied from the left; packed formats cannot. */
function plainWeight(weight: Tensor): Tensor {
  if (weight.dtype === "float32") return weight;
  throw new AutogradError(
    `linear: gradients do not flow through a ${weight.dtype} weight; use float32, or noGrad`,
    { dtype: weight.dtype },
  );
}

/**
 * `input · weightᵀ`: a linear layer without bias. Packed weights stay packed; the kernel unpacks
 * them as it goes and accumulates in float32.
 *
 * @param input - float32 `[..., K]`.
 * @param weight - `[N, K]`: float32, float16, or a block format with `K` a multiple of 32.
 * @returns float32 `[..., N]`.
 */
export function linear(input: Tensor, weight: Tensor): Tensor {
  return runSingle(linearOperation, [input, weight], undefined);
}

import type { KernelSource } from "../gpujs/kernel-source";
import type { Tensor } from "../tensor";
import { assertDType, assertIndexes, assertShapes } from "./checks";
import { asArgument, type Operation, runSingle, sliceOf } from "./operation";
import { wordsPerRow } from "./packed-weights";
import { scatterAddRows } from "./scatter";
import { unpackElement } from "./unpack-element";

function gatherRows(dtype: Tensor["dtype"]): KernelSource {
  return {
    name: `embedding-${dtype}`,
    source: `function (weight, ids) {
      const row = ids[this.thread.y];
      const column = this.thread.x;
      ${unpackElement(dtype)}
      return element;
    }`,
    parameters: ["array", "array"],
  };
}

const embeddingOperation: Operation<undefined, [Tensor, Tensor], [Tensor]> = {
  name: "embedding",
  infer: ([weight, ids]) => {
    assertDType(
      "embedding",
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
    assertDType("embedding", "the ids", ids, "int32");
    assertShapes("embedding", weight.rank === 2, "use weight [V, D] and ids [...]", weight, ids);
    return [{ dtype: "float32", shape: [...ids.shape, weight.dimension(1)] }];
  },
  gpujs: ({ inputs: [weight, ids], outputs: [output], launch }) => {
    if (output.size === 0) return;
    const [vocabulary = 0, width = 0] = weight.shape;
    launch(
      gatherRows(weight.dtype),
      [asArgument(weight, [wordsPerRow(weight.dtype, width), vocabulary]), asArgument(ids)],
      [width, ids.size],
      sliceOf(output),
    );
  },
  gradient: {
    saves: "inputs",
    compute: ({ inputs: [weight, ids], outputGradient }) => [
      scatterAddRows(weight.dimension(0), ids, outputGradient),
    ],
  },
};

/**
 * Rows of a table, unpacked to float32.
 *
 * @param weight - `[V, D]`, float32, float16 or a block format.
 * @param ids - int32, any shape.
 * @returns float32 `[...ids, D]`.
 * @throws {OutOfRangeError} when an id is not a row of the table.
 */
export function embedding(weight: Tensor, ids: Tensor): Tensor {
  assertIndexes("embedding", "id", ids, weight.dimension(0));
  return runSingle(embeddingOperation, [weight, ids], undefined);
}

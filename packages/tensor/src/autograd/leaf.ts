import { AutogradError, DTypeError } from "../errors";
import { keep, tidy } from "../lifetime";
import { add } from "../ops/binary";
import type { Tensor } from "../tensor";
import { propagate } from "./backward";
import { GraphNode } from "./graph";
import { withRecording } from "./recording";

const gradients = new WeakMap<GraphNode, Tensor>();

/** A leaf of the graph; the gradient that it collected goes with it. */
function leafNode(): GraphNode {
  const node: GraphNode = new GraphNode({
    operation: "leaf",
    rule: { kind: "leaf" },
    saved: [{ release: () => gradients.get(node)?.dispose() }],
  });
  return node;
}

/**
 * Tracks `tensor`: operations on it are recorded, and {@link backward} adds its gradient to
 * `gradientOf(tensor)`. Returns the tensor itself. {@link valueAndGrad} needs no tracking.
 *
 * @throws {DTypeError} unless the tensor is float32.
 * @throws {AutogradError} when it is the result of a recorded operation.
 */
export function requireGrad(tensor: Tensor): Tensor {
  if (tensor.dtype !== "float32") {
    throw new DTypeError(`requireGrad: ${tensor.dtype} has no gradient; cast it to float32`, {
      dtype: tensor.dtype,
    });
  }
  if (tensor.graph?.node.operation === "leaf") return tensor;
  if (tensor.graph !== undefined) {
    throw new AutogradError(
      "requireGrad: the tensor is computed from tracked ones; track a leaf, or detach() it",
      { shape: tensor.shape },
    );
  }
  tensor.attachGraph({ node: leafNode(), output: 0 });
  return tensor;
}

/** The gradient that {@link backward} collected for a tracked tensor; it belongs to the tensor. */
export function gradientOf(tensor: Tensor): Tensor | undefined {
  const node = tensor.graph?.node;
  return node && gradients.get(node);
}

/** Forgets the gradients of `tensors`, so that the next {@link backward} starts from 0. */
export function clearGradients(tensors: Iterable<Tensor>): void {
  for (const tensor of tensors) {
    const node = tensor.graph?.node;
    if (node === undefined) continue;
    gradients.get(node)?.dispose();
    gradients.delete(node);
  }
}

/**
 * Adds the gradient of `result` to every tracked tensor that it depends on. The graph is used up:
 * compute the result again for another pass.
 *
 * @param outputGradient - Of the shape of `result`. Default 1, for a scalar.
 * @throws {AutogradError} when nothing tracked leads to `result`, or the graph was used.
 *
 * @example
 * ```ts
 * requireGrad(weight);
 * using loss = tidy(() => mean(square(sub(matmul(inputs, weight), targets))));
 * backward(loss);
 * console.log(gradientOf(weight)?.dataSync());
 * ```
 */
export function backward(result: Tensor, outputGradient?: Tensor): void {
  tidy(() =>
    propagate(result, outputGradient, (leaf, gradient) => {
      const before = gradients.get(leaf);
      const total = withRecording(false, () =>
        before === undefined ? gradient.alias() : add(before, gradient),
      );
      before?.dispose();
      gradients.set(leaf, keep(total));
    }),
  );
}

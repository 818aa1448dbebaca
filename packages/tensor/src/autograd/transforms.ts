import { AutogradError, DTypeError } from "../errors";
import { tidy } from "../lifetime";
import { zeros } from "../ops/creation";
import { Tensor } from "../tensor";
import { propagate } from "./backward";
import { GraphNode } from "./graph";
import { isRecording, withRecording } from "./recording";

/** A tensor, or arrays and plain objects of tensors, nested: the parameters of a model. */
export type TensorTree = Tensor | readonly TensorTree[] | { readonly [name: string]: TensorTree };

/** What a function of {@link valueAndGrad} gives. Dispose the value and every gradient. */
export interface ValueAndGradients<Tree> {
  /** The result, a scalar. */
  readonly value: Tensor;
  /** The gradient of each parameter, in the structure of the parameters. */
  readonly gradients: Tree;
}

/** The tree with every tensor replaced; its type is the caller's to state. */
function mapTree(tree: TensorTree, map: (tensor: Tensor) => Tensor): unknown {
  if (tree instanceof Tensor) return map(tree);
  const entries: [string, TensorTree][] = Object.entries(tree);
  const mapped = entries.map(([name, entry]): [string, unknown] => [name, mapTree(entry, map)]);
  return Array.isArray(tree) ? mapped.map(([, entry]) => entry) : Object.fromEntries(mapped);
}

/** A handle of `tensor` to which gradients flow. */
function tracked(tensor: Tensor): { handle: Tensor; leaf: GraphNode } {
  assertDifferentiable(tensor);
  if (tensor.requiresGrad && isRecording()) {
    throw new AutogradError(
      "grad: a parameter already belongs to a graph, and gradients of gradients are not supported; detach() it",
      { shape: tensor.shape },
    );
  }
  const handle = tensor.detach();
  const leaf = new GraphNode({ operation: "leaf", rule: { kind: "leaf" } });
  handle.attachGraph({ node: leaf, output: 0 });
  return { handle, leaf };
}

function assertDifferentiable(tensor: Tensor): void {
  if (tensor.dtype === "float32") return;
  throw new DTypeError(`grad: a ${tensor.dtype} tensor has no gradient; cast it to float32`, {
    dtype: tensor.dtype,
  });
}

/**
 * Makes of a scalar function one that also gives the gradient with respect to its first argument,
 * a tensor or a tree of them. Everything that `compute` makes is freed.
 *
 * @param compute - Runs at once, not asynchronously. Parameters that do not reach the result have
 * gradients of 0.
 *
 * @example
 * ```ts
 * const step = valueAndGrad(({ weight, bias }, inputs, labels) =>
 *   crossEntropy(add(linear(inputs, weight), bias), labels),
 * );
 * const { value, gradients } = step({ weight, bias }, inputs, labels);
 * ```
 */
export function valueAndGrad<Tree extends TensorTree, Rest extends readonly unknown[]>(
  compute: (parameters: Tree, ...rest: Rest) => Tensor,
): (parameters: Tree, ...rest: Rest) => ValueAndGradients<Tree> {
  return (parameters, ...rest) =>
    tidy(() => {
      const leaves = new Map<GraphNode, Tensor>();
      const handles = new Map<Tensor, GraphNode>();
      const inputs = mapTree(parameters, (tensor) => {
        const { handle, leaf } = tracked(tensor);
        handles.set(handle, leaf);
        return handle;
      }) as Tree;
      const value = withRecording(true, () => compute(inputs, ...rest));
      propagate(value, undefined, (leaf, gradient) => leaves.set(leaf, gradient.alias()));
      const gradients = mapTree(inputs, (handle) => {
        const leaf = handles.get(handle);
        return (leaf && leaves.get(leaf)) ?? zeros(handle.shape, { device: handle.device });
      });
      return { value: value.detach(), gradients: gradients as Tree };
    });
}

/** As {@link valueAndGrad}, for the gradients alone. */
export function grad<Tree extends TensorTree, Rest extends readonly unknown[]>(
  compute: (parameters: Tree, ...rest: Rest) => Tensor,
): (parameters: Tree, ...rest: Rest) => Tree {
  const both = valueAndGrad(compute);
  return (parameters, ...rest) => {
    const { value, gradients } = both(parameters, ...rest);
    value.dispose();
    return gradients;
  };
}

import { AutogradError, ShapeError } from "../errors";
import { tidy } from "../lifetime";
import { add } from "../ops/binary";
import { ones } from "../ops/creation";
import { formatShape, type Shape, sameShape } from "../shape";
import type { Tensor } from "../tensor";
import type { GraphEdge, GraphNode } from "./graph";
import { withRecording } from "./recording";
import { viewGradient } from "./view-gradient";

/** Gradients that arrived at the outputs of a node so far. */
type Arrived = (Tensor | undefined)[];

/** Called with the gradient of a leaf; it owns the tensor unless it keeps an alias. */
export type LeafVisitor = (leaf: GraphNode, gradient: Tensor) => void;

/**
 * Reverse accumulation from `output` to every leaf that it depends on. Must run in a scope: the
 * gradients given to `visit` belong to it.
 *
 * @param outputGradient - Of the shape of `output`; default 1, for a scalar.
 */
export function propagate(
  output: Tensor,
  outputGradient: Tensor | undefined,
  visit: LeafVisitor,
): void {
  const root = output.graph;
  if (root === undefined) {
    throw new AutogradError(
      "backward: the result does not depend on any tracked tensor; track one with requireGrad, and compute outside noGrad",
      { shape: output.shape },
    );
  }
  const start = outputGradient ?? unitGradient(output);
  if (!sameShape(start.shape, output.shape)) {
    throw new ShapeError(
      `backward: the gradient ${formatShape(start.shape)} must have the result's shape ${formatShape(output.shape)}`,
      { gradient: start.shape, result: output.shape },
    );
  }
  const nodes = reachable(root.node);
  assertUnused(nodes);
  const arrivals = new Map<GraphNode, Arrived>();
  withRecording(false, () => {
    accumulate(arrivals, root, start);
    for (const node of nodes) {
      const arrived = arrivals.get(node);
      arrivals.delete(node);
      if (arrived !== undefined) passThrough(node, arrived, arrivals, visit);
      if (node.rule?.kind === "function") node.freeSaved();
    }
  });
}

function unitGradient(output: Tensor): Tensor {
  if (output.size === 1) return ones(output.shape, { device: output.device });
  throw new ShapeError(
    `backward: the result ${formatShape(output.shape)} is not a scalar; reduce it, or pass its gradient`,
    { shape: output.shape },
  );
}

/** Every node that `root` depends on, users before what they use. */
function reachable(root: GraphNode): GraphNode[] {
  const seen = new Set<GraphNode>([root]);
  for (const node of seen) {
    for (const edge of node.inputs) if (edge !== undefined) seen.add(edge.node);
  }
  return [...seen].sort((left, right) => right.id - left.id);
}

function assertUnused(nodes: readonly GraphNode[]): void {
  const used = nodes.find((node) => node.rule === undefined);
  if (used === undefined) return;
  throw new AutogradError(
    `backward: the graph at ${used.operation} was already used by a backward pass; compute the result again`,
    { operation: used.operation },
  );
}

function passThrough(
  node: GraphNode,
  arrived: Arrived,
  arrivals: Map<GraphNode, Arrived>,
  visit: LeafVisitor,
): void {
  const { rule } = node;
  const [first] = arrived;
  if (rule === undefined) return;
  if (rule.kind === "leaf") {
    if (first !== undefined) visit(node, first);
    return;
  }
  const gradients = tidy(() => {
    if (rule.kind === "function") {
      return rule.compute(
        arrived,
        node.inputs.map((edge) => edge !== undefined),
      );
    }
    return first === undefined ? [] : [viewGradient(rule.change, first, node.inputShapes[0] ?? [])];
  });
  node.inputs.forEach((edge, index) => {
    const gradient = gradients[index];
    if (edge === undefined || gradient === undefined) return;
    assertGradientShape(node, gradient, node.inputShapes[index] ?? []);
    accumulate(arrivals, edge, gradient);
  });
  for (const gradient of [...gradients, ...arrived]) gradient?.dispose();
}

/** Adds to what arrived. The stored tensor is a handle of its own: rules may return one tensor twice. */
function accumulate(arrivals: Map<GraphNode, Arrived>, edge: GraphEdge, gradient: Tensor): void {
  const arrived = arrivals.get(edge.node) ?? [];
  const before = arrived[edge.output];
  arrived[edge.output] = before === undefined ? gradient.alias() : add(before, gradient);
  before?.dispose();
  arrivals.set(edge.node, arrived);
}

function assertGradientShape(node: GraphNode, gradient: Tensor, expected: Shape): void {
  if (sameShape(gradient.shape, expected)) return;
  throw new ShapeError(
    `backward: the gradient of ${node.operation} has shape ${formatShape(gradient.shape)}, but its input has ${formatShape(expected)}`,
    { operation: node.operation, gradient: gradient.shape, input: expected },
  );
}

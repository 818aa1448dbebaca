import type { Shape } from "../shape";
import type { Tensor } from "../tensor";

/** Where a tensor comes from: output `output` of a recorded operation. */
export interface GraphEdge {
  readonly node: GraphNode;
  readonly output: number;
}

/** How a view was made of its source; its gradient undoes it. */
export type ViewChange =
  | { readonly kind: "reshape" }
  | { readonly kind: "permute"; readonly axes: readonly number[] }
  | { readonly kind: "slice"; readonly axis: number; readonly start: number; readonly step: number }
  | { readonly kind: "broadcast" }
  | { readonly kind: "diagonal" };

/** Computes the gradients of the inputs, `undefined` where none is needed or none flows. */
export type BackwardFunction = (
  outputGradients: readonly (Tensor | undefined)[],
  needs: readonly boolean[],
) => readonly (Tensor | undefined)[];

/** How gradients pass through a node. */
export type BackwardRule =
  | { readonly kind: "leaf" }
  | { readonly kind: "view"; readonly change: ViewChange }
  | { readonly kind: "function"; readonly compute: BackwardFunction };

/** What a node keeps alive until it is freed. */
interface Releasable {
  release(): void;
}

interface GraphNodeParts {
  readonly operation: string;
  readonly rule: BackwardRule;
  readonly inputs?: readonly (GraphEdge | undefined)[];
  readonly inputShapes?: readonly Shape[];
  readonly saved?: readonly Releasable[];
}

let nodesMade = 0;

/**
 * One recorded operation. It lives as long as a tensor that it made, or a node that used one: the
 * last owner to go frees what the node saved, and lets go of its inputs.
 */
export class GraphNode {
  /** Rises with every node, so that descending order visits each node after all its users. */
  readonly id = nodesMade++;
  readonly operation: string;
  readonly inputs: readonly (GraphEdge | undefined)[];
  readonly inputShapes: readonly Shape[];
  /** `undefined` once a backward pass has used what the node saved. */
  #rule: BackwardRule | undefined;
  #saved: readonly Releasable[];
  #owners = 0;

  constructor({ operation, rule, inputs = [], inputShapes = [], saved = [] }: GraphNodeParts) {
    this.operation = operation;
    this.inputs = inputs;
    this.inputShapes = inputShapes;
    this.#rule = rule;
    this.#saved = saved;
    for (const edge of inputs) edge?.node.retain();
  }

  get rule(): BackwardRule | undefined {
    return this.#rule;
  }

  retain(): void {
    this.#owners++;
  }

  /** Removes an owner. Long chains are freed in a loop: recursion would exhaust the stack. */
  release(): void {
    const pending: GraphNode[] = [this];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      node.#owners--;
      if (node.#owners > 0) continue;
      node.freeSaved();
      for (const edge of node.inputs) if (edge !== undefined) pending.push(edge.node);
    }
  }

  /** Gives back what was saved; a later backward pass through the node is refused. */
  freeSaved(): void {
    for (const saved of this.#saved) saved.release();
    this.#saved = [];
    if (this.#rule?.kind === "function") this.#rule = undefined;
  }
}

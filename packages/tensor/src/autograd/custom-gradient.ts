import { AutogradError } from "../errors";
import { keep, tidy } from "../lifetime";
import type { Tensor } from "../tensor";
import { propagate } from "./backward";
import { GraphNode } from "./graph";
import { needsRecord, record } from "./record";
import { withRecording } from "./recording";
import { SavedTensor } from "./saved-tensor";

/** A function with a gradient of its own. */
export interface CustomGradient {
  /** The value, from untracked operands. */
  forward(...inputs: Tensor[]): Tensor;
  /** The gradient of each operand (`undefined` for none), in its shape. Nothing here is recorded. */
  backward(
    outputGradient: Tensor,
    inputs: readonly Tensor[],
    output: Tensor,
  ): readonly (Tensor | undefined)[];
}

/**
 * Makes a differentiable function of a value and a gradient that are written by hand: for a kernel
 * that fuses several operations, or a gradient that should differ from the true one.
 *
 * @throws {AutogradError} when `forward` uses a tracked tensor that is not an operand.
 *
 * @example
 * ```ts
 * // Straight-through estimator: rounds, and passes the gradient on.
 * const roundThrough = customGradient({
 *   forward: (x) => round(x),
 *   backward: (gradient) => [gradient],
 * });
 * ```
 */
export function customGradient({
  forward,
  backward,
}: CustomGradient): (...inputs: Tensor[]) => Tensor {
  return (...inputs) => {
    const output = runDetached("customGradient", inputs, forward);
    if (!needsRecord(inputs)) return output;
    const savedInputs = inputs.map((input) => new SavedTensor(input));
    const savedOutput = new SavedTensor(output);
    record({
      operation: "customGradient",
      inputs,
      outputs: [output],
      saved: [...savedInputs, savedOutput],
      compute: ([gradient]) =>
        gradient === undefined
          ? []
          : backward(
              gradient,
              savedInputs.map((saved) => saved.restore("customGradient")),
              savedOutput.restore("customGradient"),
            ),
    });
    return output;
  };
}

/**
 * Gradient checkpointing (Chen et al. 2016, arXiv 1604.06174): runs `compute` without keeping what
 * its gradient needs, and runs it again in the backward pass. Memory for time.
 *
 * @param compute - Must give the same result each time (seed its dropout), and use no tracked
 * tensor but its operands.
 * @throws {AutogradError} when it does use one.
 */
export function checkpoint(
  compute: (...inputs: Tensor[]) => Tensor,
): (...inputs: Tensor[]) => Tensor {
  return (...inputs) => {
    const output = runDetached("checkpoint", inputs, compute);
    if (!needsRecord(inputs)) return output;
    const saved = inputs.map((input) => new SavedTensor(input));
    record({
      operation: "checkpoint",
      inputs,
      outputs: [output],
      saved,
      compute: ([gradient], needs) =>
        gradient === undefined
          ? []
          : recomputedGradients(
              compute,
              saved.map((one) => one.restore("checkpoint")),
              gradient,
              needs,
            ),
    });
    return output;
  };
}

function recomputedGradients(
  compute: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  gradient: Tensor,
  needs: readonly boolean[],
): (Tensor | undefined)[] {
  const leaves = inputs.map((input, index) => {
    if (!needs[index]) return undefined;
    const node = new GraphNode({ operation: "leaf", rule: { kind: "leaf" } });
    input.attachGraph({ node, output: 0 });
    return node;
  });
  const found = new Map<GraphNode, Tensor>();
  tidy(() => {
    const output = withRecording(true, () => compute(...inputs));
    propagate(output, gradient, (leaf, leafGradient) => {
      found.set(leaf, keep(leafGradient.alias()));
    });
  });
  return leaves.map((leaf) => leaf && found.get(leaf));
}

/** Runs `compute` on untracked operands; anything tracked that reaches the result came in unseen. */
function runDetached(
  operation: string,
  inputs: readonly Tensor[],
  compute: (...inputs: Tensor[]) => Tensor,
): Tensor {
  return tidy(() => {
    const output = compute(...inputs.map((input) => input.detach()));
    if (output.requiresGrad) {
      throw new AutogradError(
        `${operation}: the function uses a tracked tensor that is not one of its operands; pass it as an operand`,
        { operation },
      );
    }
    return output.alias();
  });
}

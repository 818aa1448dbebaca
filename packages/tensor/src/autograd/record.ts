import type { Tensor } from "../tensor";
import { type BackwardFunction, type GraphEdge, GraphNode } from "./graph";
import { isRecording } from "./recording";
import type { SavedTensor } from "./saved-tensor";

/** Whether an operation on `inputs` has to be recorded. */
export function needsRecord(inputs: readonly Tensor[]): boolean {
  return isRecording() && inputs.some((input) => input.graph !== undefined);
}

interface OperationRecord {
  readonly operation: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly saved: readonly SavedTensor[];
  readonly compute: BackwardFunction;
}

/** Makes `outputs` the results of a node, so that gradients flow from them to `inputs`. */
export function record({ operation, inputs, outputs, saved, compute }: OperationRecord): void {
  const node = new GraphNode({
    operation,
    rule: { kind: "function", compute },
    inputs: inputs.map((input): GraphEdge | undefined => input.graph),
    inputShapes: inputs.map(({ shape }) => shape),
    saved,
  });
  outputs.forEach((output, index) => {
    if (output.dtype === "float32") output.attachGraph({ node, output: index });
  });
}

import { elementwiseTable } from "./elementwise";
import { indexingTable } from "./indexing";
import { matrixTable } from "./matrices";
import type { OperationCase } from "./operation-case";
import { reductionTable } from "./reductions";
import { shapeTable } from "./shapes";

export { checkCase, type Ran } from "./check-case";
export { checkGradients } from "./check-gradients";
export { hasLayout, type Layout, type OperationCase } from "./operation-case";
export { operationDocument } from "./operation-document";

/** Every exported operation, in the cases that its results are proved by. */
export const operationTable: readonly OperationCase[] = [
  ...elementwiseTable,
  ...reductionTable,
  ...matrixTable,
  ...indexingTable,
  ...shapeTable,
];

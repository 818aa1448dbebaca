import { elementwiseTable } from "./elementwise";
import { indexingTable } from "./indexing";
import { matrixTable } from "./matrices";
import type { OperationCase } from "./operation-case";
import { reductionTable } from "./reductions";
import { shapeTable } from "./shapes";

/** Every exported operation, in the cases that its results are proved by. */
export const operationTable: readonly OperationCase[] = [
  ...elementwiseTable,
  ...reductionTable,
  ...matrixTable,
  ...indexingTable,
  ...shapeTable,
];

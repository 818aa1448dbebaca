export { BuddyAllocator } from "./buddy-allocator";
export {
  type CostModel,
  type LinearCost,
  linearCost,
  type StepWork,
  thirteenBillionWeights,
} from "./cost-model";
export type { Reservation } from "./reserving-engine";
export {
  type SimulationOptions,
  type SimulationResult,
  type SimulationSample,
  simulate,
} from "./simulate";
export type { MemoryUse } from "./simulated-engine";
export {
  type LengthStatistics,
  publishedLengths,
  synthesizeTrace,
  type TraceOptions,
  type TraceRequest,
} from "./trace";

export { flashBackward, flashBackwardScratchBytes, flashClear } from "./backward";
export { flashForward, flashForwardScratchBytes } from "./forward";

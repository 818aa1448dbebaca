export { flashBackward, flashBackwardScratchBytes, flashClear } from "./backward";
export { flashCombine, flashDecode, flashDecodeScratchBytes } from "./decode";
export { flashForward, flashForwardScratchBytes } from "./forward";

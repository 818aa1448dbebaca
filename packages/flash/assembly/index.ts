export { flashBackward, flashBackwardScratchBytes, flashClear } from "./backward";
export { flashCombine } from "./combine";
export { flashDecode, flashDecodePartBytes, flashDecodeScratchBytes } from "./decode";
export { flashForward, flashForwardScratchBytes } from "./forward";

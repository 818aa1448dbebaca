export {
  backwardScratchBytes,
  forwardScratchBytes,
  recurrentBackward,
  recurrentForward,
} from "./sequence";

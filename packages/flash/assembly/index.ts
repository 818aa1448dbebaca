export { flashForward, flashForwardScratchBytes } from "./forward";

export { linearRecurrenceBackward, recurrenceBackwardScratchBytes } from "./backward";
export { linearRecurrence, recurrenceScratchBytes } from "./forward";

export { linearRecurrence, recurrenceScratchBytes } from "./recurrence";

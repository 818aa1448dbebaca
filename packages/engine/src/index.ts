/**
 * Structured output.
 *
 * @packageDocumentation
 */
export * from "./structured/index";

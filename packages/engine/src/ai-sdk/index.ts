/**
 * An engine as a language model of the Vercel AI SDK.
 *
 * @packageDocumentation
 */
export { type XLanguageModelOptions, xEngine } from "./x-engine";

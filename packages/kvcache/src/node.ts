/**
 * What needs Node: offloading to files.
 *
 * @packageDocumentation
 */
export { type FileTarget, type FileTargetOptions, fileTarget } from "./node/file-target";

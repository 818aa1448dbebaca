/**
 * Model files for Node: named models from the cache or the Hugging Face hub, and files on disk.
 *
 * @packageDocumentation
 */
export { ModelFileError } from "./errors";
export { defaultCacheDirectory } from "./hub/cache-directory";
export type { DownloadFailureReason } from "./hub/download-failure";
export { openFile } from "./hub/file-source";
export {
  type ModelName,
  type ModelRegistry,
  type ModelRegistryEntry,
  modelRegistry,
} from "./hub/model-registry";
export {
  type CachedModel,
  type DownloadProgress,
  type FallbackRequest,
  findCachedModel,
  type ResolveModelOptions,
  resolveModel,
} from "./hub/resolve-model";
export type { FileVerdict } from "./hub/verified-file";

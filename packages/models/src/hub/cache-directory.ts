import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/**
 * Folder that holds downloaded models: `$X_MODELS_CACHE`, else `$XDG_CACHE_HOME/x-models`, else
 * `~/.cache/x-models`.
 *
 * @param environment - Environment variables. Default: those of this process.
 * @returns An absolute path; the folder may not exist yet.
 */
export function defaultCacheDirectory(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const { X_MODELS_CACHE, XDG_CACHE_HOME } = environment;
  if (X_MODELS_CACHE) return resolve(X_MODELS_CACHE);
  // The XDG specification tells programs to ignore a relative path here.
  const base =
    XDG_CACHE_HOME && isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(homedir(), ".cache");
  return join(base, "x-models");
}

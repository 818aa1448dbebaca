import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { defaultCacheDirectory } from "./cache-directory";

describe("defaultCacheDirectory", () => {
  const home = join(homedir(), ".cache", "x-models");

  it.each([
    [{}, home],
    [{ X_MODELS_CACHE: "", XDG_CACHE_HOME: "" }, home],
    [{ XDG_CACHE_HOME: resolve("/var/cache") }, join(resolve("/var/cache"), "x-models")],
    [{ XDG_CACHE_HOME: "relative" }, home],
    [{ X_MODELS_CACHE: resolve("/models"), XDG_CACHE_HOME: "/var/cache" }, resolve("/models")],
    [{ X_MODELS_CACHE: "models" }, resolve("models")],
  ])("for %j is %s", (environment, expected) => {
    expect(defaultCacheDirectory(environment)).toBe(expected);
  });
});

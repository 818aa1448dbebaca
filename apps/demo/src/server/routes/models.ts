import { ApiError } from "../api-error";
import type { ServerContext } from "../server-context";

/** `GET /v1/models`: what can be asked for. */
export function listModels(context: ServerContext): Response {
  const data = context.modelNames.map((id) => describeModel(id, context));
  return Response.json({ object: "list", data });
}

/** `GET /v1/models/{model}`. */
export function retrieveModel(id: string, context: ServerContext): Response {
  if (context.modelNames.includes(id)) return Response.json(describeModel(id, context));
  throw new ApiError(`the model ${JSON.stringify(id)} is not served here`, {
    status: 404,
    param: "model",
    code: "model_not_found",
  });
}

function describeModel(id: string, { engine, modelNames, startedAt }: ServerContext) {
  return {
    id,
    object: "model",
    created: startedAt,
    owned_by: "x",
    root: modelNames[0],
    parent: null,
    max_model_len: engine.maxModelLength,
  };
}

import type { ServerContext } from "../server-context";
import { unavailable } from "../to-api-error";

/** `GET /health`: 200 while the engine runs, else 503. */
export function checkHealth({ engine }: ServerContext): Response {
  if (engine.isDisposed) throw unavailable("the model is not running");
  return new Response(null, { status: 200 });
}

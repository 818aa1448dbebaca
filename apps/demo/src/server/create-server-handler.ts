import { Hono } from "hono";
import { addGuards } from "./add-guards";
import { ApiError, clientLeft } from "./api-error";
import { GenerationRunner } from "./generation-runner";
import type { MetricsExporter } from "./metrics-exporter";
import type { PageFile } from "./page-files";
import { RequestGate } from "./request-gate";
import type { ServerContext } from "./server-context";
import type { ServerEngine } from "./server-engine";
import { serverRoutes } from "./server-routes";
import { toApiError } from "./to-api-error";

/** Settings of a server. */
export interface ServerHandlerOptions {
  /** What answers. The server does not dispose it. */
  readonly engine: ServerEngine;
  /** Names by which clients may ask for the model. Default: the engine's own. */
  readonly modelNames?: readonly string[] | undefined;
  /** Where metrics go. Default: none, and `/metrics` is not found. */
  readonly metrics?: MetricsExporter | undefined;
  /** The one key that `Authorization: Bearer` must give. Default: none is asked for. */
  readonly apiKey?: string | undefined;
  /** Origins whose pages may call; `*` for all. Default: none. */
  readonly corsOrigins?: readonly string[] | undefined;
  /** Most requests that the engine holds at a time. Default 64. */
  readonly maxConcurrency?: number | undefined;
  /** Most requests that wait besides; the next gets 429. Default 256. */
  readonly maxQueue?: number | undefined;
  /** Most bytes of a request's body. Default 1 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** Files of the web page, by path. Default: none, and `/` is not found. */
  readonly page?: ReadonlyMap<string, PageFile> | undefined;
  /** Once aborted, no new request is taken. */
  readonly drainSignal?: AbortSignal | undefined;
  /** Once aborted, all that runs ends, with `finish_reason: "abort"`. */
  readonly abortSignal?: AbortSignal | undefined;
  /** Told of errors that clients are only told the existence of. Default: nobody is. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * An OpenAI-compatible server as a function from request to response, for any runtime that has the
 * Web's own `Request` and `Response`. Requests that fail get an answer in OpenAI's error shape; the
 * function itself never rejects.
 *
 * @example
 * ```ts
 * const handler = createServerHandler({ engine });
 * const response = await handler(new Request("http://localhost/v1/models"));
 * ```
 */
export function createServerHandler(
  options: ServerHandlerOptions,
): (request: Request) => Promise<Response> {
  const context = createContext(options);
  const app = new Hono();
  addGuards(app, options);
  for (const [path, methods] of Object.entries(serverRoutes(context))) {
    for (const [method, answer] of Object.entries(methods)) {
      app.on(method, path, ({ req }) => answer(req.raw, req.param()));
    }
    const allow = Object.keys(methods).join(", ");
    app.all(path, ({ req }) => wrongMethod(req.method, req.path, allow).toResponse());
  }
  app.notFound(({ req }) => unknownPath(req.path).toResponse());
  app.onError((error, { req }) => {
    if (req.raw.signal.aborted) return clientLeft().toResponse();
    const apiError = toApiError(error);
    if (apiError.status >= 500 && apiError !== error) context.onError(error);
    return apiError.toResponse();
  });
  return async (request) => app.fetch(request);
}

function createContext(options: ServerHandlerOptions): ServerContext {
  const { engine, metrics, maxConcurrency = 64, maxQueue = 256 } = options;
  const gate = new RequestGate({ maxConcurrency, maxQueue });
  const runner = new GenerationRunner(engine, gate);
  options.abortSignal?.addEventListener("abort", () => runner.cancelAll());
  return {
    engine,
    gate,
    runner,
    metrics,
    modelNames: options.modelNames ?? [engine.modelName],
    maxBodyBytes: options.maxBodyBytes ?? 2 ** 20,
    page: options.page,
    startedAt: Math.floor(Date.now() / 1000),
    drainSignal: options.drainSignal,
    onError: options.onError ?? (() => {}),
  };
}

function wrongMethod(method: string, path: string, allow: string): ApiError {
  return new ApiError(`${path} takes no ${method}; use ${allow}`, {
    status: 405,
    code: "method_not_allowed",
    headers: { allow },
  });
}

function unknownPath(path: string): ApiError {
  return new ApiError(`there is no ${path}; requests go to /v1/chat/completions`, {
    status: 404,
    code: "not_found",
  });
}

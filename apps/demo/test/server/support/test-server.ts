import { createEngine, type Engine, type EngineOptions } from "@x/engine";
import {
  createServerHandler,
  type ServerHandlerOptions,
} from "../../../src/server/create-server-handler";
import { PrometheusMetrics } from "../../../src/server/metrics/prometheus-metrics";
import { NodeServer } from "../../../src/server/node-server";

/** A server on a port of this machine, over an engine of its own. */
export interface TestServer {
  readonly url: string;
  readonly engine: Engine;
  /** Errors that the server reported to its operator. */
  readonly errors: unknown[];
  readonly drain: AbortController;
  readonly abort: AbortController;
  readonly server: NodeServer;
  /** Posts JSON. */
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

/** Starts one. The model is the caller's. */
export async function startServer(
  engineOptions: EngineOptions,
  handlerOptions: Partial<ServerHandlerOptions> = {},
): Promise<TestServer> {
  const errors: unknown[] = [];
  const drain = new AbortController();
  const abort = new AbortController();
  const [modelName = engineOptions.model.name] = handlerOptions.modelNames ?? [];
  const metrics = new PrometheusMetrics({ modelName, stats: () => engine.stats() });
  const engine: Engine = createEngine({ ...engineOptions, onEvent: metrics.observe });
  const handler = createServerHandler({
    engine,
    metrics,
    drainSignal: drain.signal,
    abortSignal: abort.signal,
    onError: (error) => errors.push(error),
    ...handlerOptions,
  });
  const server = await NodeServer.listen(handler, { host: "127.0.0.1", port: 0 });
  const { url } = server;
  return {
    url,
    engine,
    errors,
    drain,
    abort,
    server,
    post: (path, body, init) =>
      fetch(`${url}${path}`, {
        method: "POST",
        body: typeof body === "string" ? body : JSON.stringify(body),
        ...init,
        headers: { "content-type": "application/json", ...init?.headers },
      }),
    async close() {
      const closed = server.close();
      server.closeConnections();
      await closed;
      engine.dispose();
      await engine.idle();
    },
  };
}

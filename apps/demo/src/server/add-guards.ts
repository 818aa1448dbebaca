import type { Context, Hono } from "hono";
import { cors } from "hono/cors";
import { matchedRoutes } from "hono/route";
import { apiKeyCheck } from "./api-key";
import type { ServerHandlerOptions } from "./create-server-handler";
import { unavailable } from "./to-api-error";

/** Open to those who have no key, as the page is: a probe, a collector of metrics. */
const openPaths = new Set(["/health", "/metrics"]);

/** Adds what every request passes: metrics, other origins' pages, the end of the server, the key. */
export function addGuards(app: Hono, options: ServerHandlerOptions): void {
  const { metrics, corsOrigins = [], drainSignal, apiKey, page } = options;
  if (metrics !== undefined) {
    app.use(async (context, next) => {
      await next();
      metrics.countRequest(context.req.method, routeOf(context), context.res.status);
    });
  }
  if (corsOrigins.length > 0) {
    app.use(
      cors({
        origin: corsOrigins.includes("*") ? "*" : [...corsOrigins],
        allowMethods: ["GET", "POST"],
        exposeHeaders: ["retry-after"],
      }),
    );
  }
  app.use(async ({ req }, next) => {
    if (drainSignal?.aborted && req.path !== "/metrics")
      throw unavailable("the server is stopping");
    await next();
  });
  if (apiKey !== undefined) {
    const requireKey = apiKeyCheck(apiKey);
    app.use(async ({ req }, next) => {
      if (!openPaths.has(req.path) && !page?.has(req.path)) await requireKey(req.raw);
      await next();
    });
  }
}

/** The path as it was registered: what clients make up must not become names of metrics. */
function routeOf(context: Context): string {
  return matchedRoutes(context).find(({ path }) => !path.includes("*"))?.path ?? "none";
}

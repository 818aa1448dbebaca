import { chatCompletions } from "./routes/chat-completions";
import { completions } from "./routes/completions";
import { checkHealth } from "./routes/health";
import { listModels, retrieveModel } from "./routes/models";
import { sendPageFile } from "./routes/page";
import { watchScheduler } from "./routes/scheduler";
import { detokenize, tokenize } from "./routes/tokenize";
import type { ServerContext } from "./server-context";

/** Answers one method of one path. */
type Answer = (
  request: Request,
  parameters: Readonly<Record<string, string>>,
) => Response | Promise<Response>;

/** What the server can do: answers by path and method. */
export function serverRoutes(
  context: ServerContext,
): Readonly<Record<string, Readonly<Record<string, Answer>>>> {
  const { metrics, gate, page = [] } = context;
  return {
    "/v1/chat/completions": { POST: (request) => chatCompletions(request, context) },
    "/v1/completions": { POST: (request) => completions(request, context) },
    "/v1/models": { GET: () => listModels(context) },
    "/v1/models/:model{.+}": { GET: (_, { model = "" }) => retrieveModel(model, context) },
    "/tokenize": { POST: (request) => tokenize(request, context) },
    "/detokenize": { POST: (request) => detokenize(request, context) },
    "/scheduler": { GET: (request) => watchScheduler(request, context) },
    "/health": { GET: () => checkHealth(context) },
    ...Object.fromEntries(
      [...page].map(([path, file]) => [path, { GET: (request) => sendPageFile(request, file) }]),
    ),
    ...(metrics && {
      "/metrics": {
        GET: async () =>
          new Response(await metrics.render(gate.numWaiting), {
            headers: { "content-type": metrics.contentType },
          }),
      },
    }),
  };
}

import { RemoteEngineError } from "../errors";

/** A request to a server. */
export interface RemoteRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
  readonly signal: AbortSignal;
  readonly maxRetries: number;
  readonly fetch: typeof globalThis.fetch;
}

/** Longest wait that a server can ask for, in milliseconds. */
const longestWaitMs = 60_000;
const firstWaitMs = 500;

/** Statuses of a server that has no room now. */
const busyStatuses = new Set([429, 503]);

/**
 * The server's answer, once it has one. A server without room is asked again after the time that its
 * `Retry-After` names, or twice as long as the time before.
 *
 * @throws {RemoteEngineError} when the server refuses the request or stays out of reach; the signal's
 *   reason when aborted.
 */
export async function postWithRetries(request: RemoteRequest): Promise<Response> {
  for (let attempt = 0; ; attempt++) {
    const outcome = await post(request);
    if (outcome instanceof Response && outcome.ok) return outcome;
    const isBusy = !(outcome instanceof Response) || busyStatuses.has(outcome.status);
    if (!isBusy || attempt === request.maxRetries) throw await toError(request.url, outcome);
    const asked = outcome instanceof Response ? retryAfterMs(outcome.headers) : undefined;
    if (outcome instanceof Response) await outcome.body?.cancel();
    await wait(Math.min(longestWaitMs, asked ?? firstWaitMs * 2 ** attempt), request.signal);
  }
}

/** The answer of one attempt, or why the server was not reached. */
async function post({ url, headers, body, signal, fetch }: RemoteRequest) {
  signal.throwIfAborted();
  try {
    return await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    return { cause: error };
  }
}

/** What `Retry-After` asks for: seconds, or a date. */
function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get("retry-after");
  if (value === null) return undefined;
  const milliseconds = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds);
}

function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", stop, { once: true });
  });
}

async function toError(
  url: string,
  outcome: Response | { readonly cause: unknown },
): Promise<RemoteEngineError> {
  if (!(outcome instanceof Response)) {
    const { cause } = outcome;
    const reason = cause instanceof Error ? cause.message : String(cause);
    return new RemoteEngineError(
      `${url} cannot be reached (${reason}); check the address and that the server runs`,
      { url },
      { cause },
    );
  }
  const { status } = outcome;
  const text = await outcome.text().catch(() => "");
  const { message, param, code } = readError(text);
  return new RemoteEngineError(`${url} answers ${status}: ${message}`, {
    url,
    status,
    param,
    code,
  });
}

/** What an error's body says: OpenAI's shape, or any text. */
function readError(text: string): { message: string; param?: unknown; code?: unknown } {
  try {
    const { error } = JSON.parse(text);
    if (typeof error?.message === "string") return error;
  } catch {
    // Not JSON: a proxy's page, most likely.
  }
  const line = text.replace(/\s+/g, " ").trim().slice(0, 200);
  return { message: line === "" ? "nothing that says why" : line };
}

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How the server answers one request. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface HubServer extends AsyncDisposable {
  /** Base URL, to use as the hub's endpoint. */
  readonly endpoint: string;
  readonly requests: IncomingMessage[];
  /** Answers to the next requests, in order; the last one stays. */
  answers: Answer[];
}

/** A local stand-in for the hub: real sockets, scripted answers. */
export async function startHubServer(...answers: Answer[]): Promise<HubServer> {
  const server = createServer((request, response) => {
    hub.requests.push(request);
    const answer = hub.answers.length > 1 ? hub.answers.shift() : hub.answers[0];
    answer?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const hub: HubServer = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    answers,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return hub;
}

export interface FileAnswerOptions {
  etag?: string;
  ranges?: boolean;
  /** Obey `If-Range`. */
  ifRange?: boolean;
  contentLength?: boolean;
  /** Stop after this many bytes of the body, without ending it. */
  stopAfter?: number;
  /** What happens at `stopAfter`: the connection breaks, or nothing more comes. */
  stop?: "cut" | "stall";
}

/** Answers with `bytes`, as a content delivery network does: `ETag`, `Range`, `If-Range`. */
export function fileAnswer(
  bytes: Uint8Array,
  {
    etag = '"version-1"',
    ranges = true,
    ifRange = true,
    contentLength = true,
    stopAfter,
    stop = "cut",
  }: FileAnswerOptions = {},
): Answer {
  return (request, response) => {
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
    const precondition = request.headers["if-range"];
    const isCurrent = !ifRange || precondition === undefined || precondition === etag;
    const start = range && ranges && isCurrent ? Number(range[1]) : 0;
    const body = bytes.subarray(start);
    response.statusCode = start > 0 ? 206 : 200;
    response.setHeader("etag", etag);
    if (contentLength) response.setHeader("content-length", body.length);
    if (start > 0) {
      response.setHeader("content-range", `bytes ${start}-${bytes.length - 1}/${bytes.length}`);
    }
    if (stopAfter === undefined) {
      response.end(body);
      return;
    }
    response.write(body.subarray(0, stopAfter), () => {
      // The pause lets the bytes arrive before the connection breaks.
      if (stop === "cut") setTimeout(() => response.destroy(), 200);
    });
  };
}

/** Answers with an HTTP status and a page that is not the file. */
export function statusAnswer(status: number): Answer {
  return (_request, response) => {
    response.statusCode = status;
    response.end("<html>no file here</html>");
  };
}

/** Takes the request and never says anything. */
export const silentAnswer: Answer = () => {};

/** Sends the headers and then nothing. */
export function headersOnlyAnswer(byteLength: number): Answer {
  return (_request, response) => {
    response.writeHead(200, { "content-length": byteLength });
    response.flushHeaders();
  };
}

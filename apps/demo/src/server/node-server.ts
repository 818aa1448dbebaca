import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener, RequestError } from "@hono/node-server";
import { UsageError } from "../exit";
import { ApiError } from "./api-error";
import { toApiError } from "./to-api-error";

/** Where a server listens. */
export interface NodeServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** Between two looks for connections that have become idle, in milliseconds. */
const idleCheckMs = 50;

/** A handler behind a port of this machine. */
export class NodeServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Starts to listen. Rejects when the address cannot be had. */
  static async listen(
    handler: (request: Request) => Promise<Response>,
    { host, port }: NodeServerOptions,
  ): Promise<NodeServer> {
    const listener = getRequestListener(handler, {
      overrideGlobalObjects: false,
      errorHandler: (error) => toAnswer(error),
    });
    const server = createServer(listener);
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(withAdvice(error, { host, port })));
      server.listen(port, host, () => {
        server.removeAllListeners("error");
        resolve();
      });
    });
    return new NodeServer(server);
  }

  /** Where clients find it. */
  get url(): string {
    const { address, family, port } = this.#server.address() as AddressInfo;
    return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
  }

  /** Takes no more connections; resolves when the last has ended. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      // A connection that is kept alive becomes idle only when its request has been answered.
      const timer = setInterval(() => this.#server.closeIdleConnections(), idleCheckMs);
      this.#server.close(() => {
        clearInterval(timer);
        resolve();
      });
    });
  }

  /** Cuts every connection off. */
  closeConnections(): void {
    this.#server.closeAllConnections();
  }
}

/** Says what can be done when the system does not give the address. */
function withAdvice(error: NodeJS.ErrnoException, { host, port }: NodeServerOptions): Error {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} of ${host} is in use; choose another with --port, 0 for any free one`,
    EACCES: `port ${port} needs rights that this process has not; choose one above 1023 with --port`,
    EADDRNOTAVAIL: `${host} is no address of this machine; choose one with --host`,
    ENOTFOUND: `${host} is not known; choose an address of this machine with --host`,
  };
  const reason = reasons[error.code ?? ""];
  return reason === undefined ? error : new UsageError(reason, { cause: error });
}

/** For what is wrong before there is a request: a `Host` that is no host. */
function toAnswer(error: unknown): Response {
  const apiError =
    error instanceof RequestError
      ? new ApiError(`the request is malformed: ${error.message}`, { status: 400 })
      : toApiError(error);
  return apiError.toResponse();
}

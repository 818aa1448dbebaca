import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

const contentTypes: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** A page's files on a port of this machine. */
export interface IsolatedServer {
  readonly url: string;
  close(): void;
}

/**
 * Serves a page that is cross-origin isolated, so that its workers can share memory.
 *
 * @param page - The HTML at `/`.
 * @param paths - Files and folders by the path that they are served at.
 */
export async function serveIsolated(
  page: string,
  paths: Readonly<Record<string, string>>,
): Promise<IsolatedServer> {
  const server = createServer(({ url = "/" }, response) => {
    response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
    response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    const path = normalize(new URL(url, "http://localhost").pathname);
    if (path === "/") {
      response.setHeader("Content-Type", "text/html; charset=utf-8").end(page);
      return;
    }
    const prefix = Object.keys(paths).find((one) => path === one || path.startsWith(`${one}/`));
    const file = prefix && join(paths[prefix] ?? "", path.slice(prefix.length));
    if (file === undefined || !existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    const type = contentTypes[extname(file)] ?? "application/octet-stream";
    response.writeHead(200, { "Content-Type": type, "Content-Length": statSync(file).size });
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

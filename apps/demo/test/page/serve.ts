import type { TestProject } from "vitest/node";
import { startServer } from "../../scripts/start-server.mjs";

declare module "vitest" {
  interface ProvidedContext {
    /** Address of the server that the tests share. At most two sequences run in it at a time. */
    readonly serverUrl: string;
  }
}

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const server = await startServer(["--max-sequences", "2"]);
  provide("serverUrl", server.url);
  return () => server.stop();
}

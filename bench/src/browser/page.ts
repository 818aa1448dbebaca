import type { BrowserEngine, BrowserEngineOptions } from "./browser-engine";
import type { EngineReply, EngineRequest } from "./engine-worker";

/** What the page of `browser-decode` offers to the suite that drives it. */
export interface BenchPage {
  openOurs(threads: number, contextSize: number): Promise<BrowserEngine>;
  openPeer(threads: number, contextSize: number): Promise<BrowserEngine>;
}

declare global {
  var benchPage: BenchPage;
}

/** The module of `bench/peers` that the page imports. */
interface PeerModule {
  openPeer(options: BrowserEngineOptions): Promise<BrowserEngine>;
}

/** Our engine in a worker of its own, as a page that must stay responsive would have it. */
async function openOurs(options: BrowserEngineOptions): Promise<BrowserEngine> {
  const worker = new Worker("/dist/engine-worker.js", { type: "module" });
  const ask = (request: EngineRequest) =>
    new Promise<number>((resolve, reject) => {
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.onmessage = ({ data }: MessageEvent<EngineReply>) => {
        if ("error" in data) reject(new Error(data.error));
        else resolve(data.elapsedMs);
      };
      worker.postMessage(request);
    });
  await ask({ type: "open", ...options });
  return {
    readPrompt: ({ tokenIds }) => ask({ type: "read-prompt", tokenIds }),
    decode: ({ tokenIds }, steps) => ask({ type: "decode", tokenIds, steps }),
  };
}

const model = fetch("/model.gguf").then((response) => response.blob());
const peerUrl = "/peers/wllama.mjs";

globalThis.benchPage = {
  openOurs: async (threads, contextSize) => openOurs({ model: await model, threads, contextSize }),
  openPeer: async (threads, contextSize) => {
    const { openPeer } = (await import(peerUrl)) as PeerModule;
    return openPeer({ model: await model, threads, contextSize });
  },
};

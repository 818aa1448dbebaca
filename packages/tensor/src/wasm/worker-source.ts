/**
 * What a worker thread runs, for Node and browsers alike. It is text because a worker needs a file
 * or a text of its own, and every bundler treats files differently.
 *
 * The thread gets the compiled module, the shared memory and its number, says that it is ready, and
 * serves until it is told to stop. An error in a kernel is noted in the shared memory, where the
 * thread that waits for it looks.
 */
export const workerSource = `"use strict";
const isNode = typeof require === "function";
const port = isNode ? require("node:worker_threads").parentPort : globalThis;
const start = async ({ module, memory, control, thread }) => {
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  port.postMessage("ready");
  try {
    exports.serve(control, thread);
  } catch (error) {
    exports.reportFailure(control);
    throw error;
  }
  port.close();
};
if (isNode) port.once("message", start);
else port.onmessage = ({ data }) => start(data);
`;

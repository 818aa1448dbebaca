/**
 * Lets timers, input and rendering run, in the cheapest way that the platform has: `setImmediate` in
 * Node, a message to itself in browsers, where a timer would wait 4 ms.
 */
export function yieldToEventLoop(): Promise<void> {
  if (typeof setImmediate === "function") return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

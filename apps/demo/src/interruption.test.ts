import { afterEach, describe, expect, it, vi } from "vitest";
import { InterruptedError } from "./exit";
import { listenForInterruption, oncePerInterrupt } from "./interruption";

afterEach(() => vi.useRealTimers());

describe("oncePerInterrupt", () => {
  it("merges what comes together and counts what does not", () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const handler = vi.fn();
    const interrupt = oncePerInterrupt(handler);
    interrupt();
    vi.advanceTimersByTime(100);
    interrupt();
    expect(handler.mock.calls).toEqual([[1]]);
    vi.advanceTimersByTime(400);
    interrupt();
    expect(handler.mock.calls).toEqual([[1], [2]]);
  });
});

describe("listenForInterruption", () => {
  const names = ["SIGINT", "SIGTERM"] as const;
  const before = names.map((name) => process.listeners(name));

  afterEach(() => {
    for (const [index, name] of names.entries()) {
      for (const listener of process.listeners(name)) {
        if (!before[index]?.includes(listener)) process.off(name, listener);
      }
    }
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("aborts on %s with exit code %i", (name, exitCode) => {
    using interruption = listenForInterruption();
    expect(interruption.signal.aborted).toBe(false);
    process.emit(name, name);
    expect(interruption.signal.reason).toBeInstanceOf(InterruptedError);
    expect(interruption.signal.reason).toMatchObject({ exitCode });
    expect(interruption.exitCode).toBe(exitCode);
  });

  it("stops listening, but not when the process is about to end", () => {
    const added = () => process.listenerCount("SIGINT") - (before[0]?.length ?? 0);
    listenForInterruption()[Symbol.dispose]();
    expect(added()).toBe(0);
    const interruption = listenForInterruption();
    process.emit("SIGINT", "SIGINT");
    interruption[Symbol.dispose]();
    expect(added()).toBe(1);
  });
});

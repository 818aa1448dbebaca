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
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("aborts on %s with exit code %i", (name, exitCode) => {
    const listeners = process.listenerCount(name);
    {
      using interruption = listenForInterruption();
      expect(interruption.signal.aborted).toBe(false);
      process.emit(name, name);
      expect(interruption.signal.reason).toBeInstanceOf(InterruptedError);
      expect(interruption.signal.reason).toMatchObject({ exitCode });
      expect(interruption.exitCode).toBe(exitCode);
    }
    expect(process.listenerCount(name)).toBe(listeners);
  });
});

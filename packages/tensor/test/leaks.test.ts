import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it, vi } from "vitest";
import { createDevice, type Device, keep, setWarningHandler, tidy, zeros } from "../src/index";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

describe("tensors that nobody disposed", () => {
  const forget: [string, (device: Device) => void][] = [
    ["made outside a scope", (device) => void zeros([1000], { device })],
    ["returned by a scope", (device) => void tidy(() => zeros([1000], { device }))],
    ["kept", (device) => void tidy(() => void keep(zeros([1000], { device })))],
  ];

  it.each(forget)("%s give their memory back, and are counted", async (_, make) => {
    using device = await createDevice("wasm");
    const warnings: string[] = [];
    const before = setWarningHandler((message) => warnings.push(message));
    make(device);
    expect(device.memory()).toMatchObject({ tensors: 1, leakedTensors: 0 });
    for (let attempt = 0; attempt < 50 && device.memory().tensors > 0; attempt++) {
      await delay(10);
      collectGarbage();
    }
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0, leakedTensors: 1 });
    expect(warnings).toEqual([expect.stringMatching(/on wasm was collected before .* dispose/)]);
    setWarningHandler(before);
  });

  it.each([
    ["development", 1],
    ["production", 0],
  ])("are told on the console in %s, once per device", async (environment, count) => {
    vi.stubEnv("NODE_ENV", environment);
    const told = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    using device = await createDevice("wasm");
    zeros([10], { device });
    zeros([10], { device });
    for (let attempt = 0; attempt < 50 && device.memory().tensors > 0; attempt++) {
      await delay(10);
      collectGarbage();
    }
    expect(device.memory().leakedTensors).toBe(2);
    expect(told).toHaveBeenCalledTimes(count);
    told.mockRestore();
    vi.unstubAllEnvs();
  });
});

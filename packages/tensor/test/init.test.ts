import { afterEach, describe, expect, it } from "vitest";
import {
  availableDevices,
  createDevice,
  type DeviceName,
  init,
  memory,
  tensor,
  zeros,
} from "../src/index";

describe("init", () => {
  const made: Disposable[] = [];
  afterEach(() => {
    for (const device of made.splice(0)) device[Symbol.dispose]();
  });
  const initialize = async (...options: Parameters<typeof init>) => {
    const result = await init(...options);
    made.push(...result.devices.values());
    return result;
  };

  it("is needed before a tensor names no device, or a device by name", () => {
    expect(() => zeros([1])).toThrow(/call init\(\) first/);
    expect(() => zeros([1], { device: "wasm" })).toThrow(/init\(\{ devices: \["wasm"\] \}\)/);
  });

  it("takes wasm in Node, and says of every device whether it runs and why not", async () => {
    const result = await initialize();
    expect(result.default.name).toBe("wasm");
    const names = result.availability.map(({ name }) => name);
    expect(names).toEqual(["cpu", "wasm", "webgl", "webgpu"]);
    for (const { reason } of result.availability) expect(reason).not.toBe("");
    using ones = tensor([1, 1], [2]);
    expect(ones.device).toBe(result.default);
  });

  it("makes the devices asked for, and keeps those that work", async () => {
    const { devices, default: chosen } = await initialize({ devices: ["cpu", "wasm"] });
    expect([...devices.keys()]).toEqual(["cpu", "wasm"]);
    expect(chosen).toBe(devices.get("cpu"));
    using onWasm = tensor([1], [1], { device: "wasm" });
    expect(onWasm.device).toBe(devices.get("wasm"));
    const again = await initialize({ devices: ["wasm"] });
    expect(again.default).toBe(devices.get("wasm"));
    devices.get("wasm")!.dispose();
    expect(() => zeros([1], { device: "wasm" })).toThrow(/not initialised/);
    expect(() => zeros([1])).toThrow(/call init\(\) first/);
    const recovered = await initialize({ devices: ["wasm"] });
    expect(recovered.default).not.toBe(again.default);
  });

  it("refuses what does not run here, by its reason, and a default that is not made", async () => {
    const missing = (await availableDevices()).filter(({ available }) => !available);
    for (const { name, reason } of missing) {
      await expect(init({ devices: [name] })).rejects.toThrow(reason);
    }
    await expect(init({ devices: ["cpu"], default: "wasm" })).rejects.toThrow(/not among/);
    await expect(init({ devices: [] })).rejects.toThrow(/not among/);
    await expect(init({ devices: ["tpu" as DeviceName] })).rejects.toThrow(/unknown device "tpu"/);
  });
});

describe("Tensor.to", () => {
  it("copies views and every dtype to another device and back", async () => {
    using host = await createDevice("cpu");
    using other = await createDevice("wasm");
    using matrix = tensor([1, 2, 3, 4, 5, 6], [2, 3], { device: host });
    using columns = matrix.transpose();
    using moved = await columns.to(other);
    expect(moved.device).toBe(other);
    expect(moved.shape).toEqual([3, 2]);
    using back = await moved.to(host);
    expect(await back.data()).toEqual(Float32Array.from([1, 4, 2, 5, 3, 6]));
    using packed = tensor(new Uint8Array(20).fill(7), [1, 32], { device: host, dtype: "q4_1" });
    using movedPacked = await packed.to(other);
    expect(await movedPacked.data()).toEqual(new Uint8Array(20).fill(7));
    using integers = tensor([-7, 2 ** 30], [2], { device: host, dtype: "int32" });
    using movedIntegers = await integers.to(other);
    expect(await movedIntegers.data()).toEqual(Int32Array.from([-7, 2 ** 30]));
  });

  it("refuses a device that is gone", async () => {
    using host = await createDevice("cpu");
    const gone = await createDevice("wasm");
    gone.dispose();
    using one = tensor([1], [1], { device: host });
    await expect(one.to(gone)).rejects.toThrow(/was disposed/);
    await expect(one.to("wasm")).rejects.toThrow(/not initialised/);
  });
});

describe("memory", () => {
  it("counts the tensors and bytes of every device that was made", async () => {
    const before = memory();
    using first = await createDevice("cpu");
    const second = await createDevice("wasm");
    using a = zeros([4], { device: first });
    using view = a.reshape([2, 2]);
    const b = zeros([16], { device: second });
    expect(view.size).toBe(4);
    const { tensors, bytes, devices } = memory();
    expect(tensors - before.tensors).toBe(3);
    expect(bytes - before.bytes).toBe(16 + 64);
    expect(devices.slice(-2)).toMatchObject([
      { device: "cpu", tensors: 2, bytes: 16 },
      { device: "wasm", tensors: 1, bytes: 64 },
    ]);
    b.dispose();
    second.dispose();
    expect(memory().devices).toHaveLength(before.devices.length + 1);
  });
});

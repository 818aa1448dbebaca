import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  add,
  argmax,
  assign,
  bytesOf,
  contiguous,
  createDevice,
  type Device,
  embedding,
  empty,
  full,
  keep,
  linear,
  matmul,
  rmsNorm,
  rotaryEmbedding,
  softmax,
  type Tensor,
  tensor,
  tidy,
  topK,
  XError,
  zeros,
} from "../src/index";
import { deviceCases } from "./support/devices";

describe.each(deviceCases)("tensors on $label", ({ create }) => {
  let device: Device;
  const counting = (shape: number[]) =>
    tensor(
      Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) => i),
      shape,
      { device },
    );
  beforeEach(async () => {
    device = await create();
  });
  afterEach(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
    device.dispose();
  });

  it("shares storage between views, and frees it with the last", async () => {
    const matrix = counting([2, 3]);
    const columns = matrix.transpose();
    const last = columns.slice(0, 2, 3);
    expect(device.memory().tensors).toBe(3);
    matrix.dispose();
    columns.dispose();
    expect(device.memory().bytes).toBeGreaterThan(0);
    expect([...(await last.data())]).toEqual([2, 5]);
    last.dispose();
  });

  it("reads transposed, sliced, broadcast and permuted views in order", () => {
    tidy(() => {
      const cube = counting([2, 3, 4]);
      expect([...cube.permute([2, 0, 1]).slice(0, 1, 2).dataSync()]).toEqual([1, 5, 9, 13, 17, 21]);
      const row = counting([3]);
      expect([...row.broadcastTo([2, 3]).dataSync()]).toEqual([0, 1, 2, 0, 1, 2]);
      const wide = counting([2, 1, 2, 1, 2, 2]);
      const turned = contiguous(wide.permute([5, 4, 3, 2, 1, 0]));
      expect([...turned.dataSync()]).toEqual([
        0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15,
      ]);
      expect([...tensor([7], [], { device }).dataSync()]).toEqual([7]);
    });
  });

  it("writes through a view, and only there", () => {
    tidy(() => {
      const target = zeros([2, 4, 2], { device });
      const source = full([2, 2, 2], 1, { device });
      assign(target.slice(1, 1, 3), source.permute([1, 0, 2]));
      expect([...target.dataSync()]).toEqual([0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0]);
    });
  });

  it("infers one size of a reshape and refuses what does not fit", () => {
    tidy(() => {
      const matrix = counting([2, 6]);
      expect(matrix.reshape([3, -1]).shape).toEqual([3, 4]);
      expect(() => matrix.reshape([5, -1])).toThrow(/holds 12 elements/);
      expect(() => matrix.reshape([-1, -1])).toThrow(/holds 12 elements/);
      expect(() => matrix.transpose().reshape([12])).toThrow(/contiguous\(tensor\) first/);
    });
  });

  it("writes bytes in place", () => {
    tidy(() => {
      const halves = empty([2], { device, dtype: "float16" });
      bytesOf(halves).set([0x00, 0x3c, 0x00, 0xc0]);
      expect([...halves.dataSync()]).toEqual([0x3c00, 0xc000]);
    });
  });

  it("throws on use after dispose, and disposes twice without harm", () => {
    const gone = counting([2]);
    gone.dispose();
    gone.dispose();
    expect(gone.isDisposed).toBe(true);
    expect(() => gone.dataSync()).toThrow(/was disposed/);
    expect(() => add(gone, 1)).toThrow(/was disposed/);
    expect(() => gone.reshape([1, 2])).toThrow(/was disposed/);
  });

  it("disposes at the end of a using block", () => {
    {
      using scoped = counting([4]);
      expect(scoped.size).toBe(4);
      expect(device.memory().tensors).toBe(1);
    }
    expect(device.memory().tensors).toBe(0);
  });

  it("tidy keeps what is returned or kept, nested scopes included", () => {
    let kept: Tensor | undefined;
    const result = tidy(() => {
      counting([2]);
      kept = keep(counting([3]));
      return tidy(() => ({ sum: add(counting([2]), 1) }));
    });
    expect(device.memory().tensors).toBe(2);
    expect([...result.sum.dataSync()]).toEqual([1, 2]);
    result.sum.dispose();
    kept!.dispose();
  });

  it("tidy frees everything when its function throws, and refuses promises", () => {
    expect(() =>
      tidy(() => {
        counting([2]);
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(() => tidy(async () => counting([1]))).toThrow(/returned a promise/);
  });

  it("leaves memory where it was after a thousand steps", () => {
    using weight = counting([32, 32]);
    using input = counting([1, 32]);
    const before = device.memory();
    for (let step = 0; step < 1000; step++) {
      tidy(() => softmax(add(linear(input, weight), 1)).dataSync());
    }
    expect(device.memory()).toEqual({ ...before, reservedBytes: expect.any(Number) });
    expect(device.memory().reservedBytes).toBeLessThan(before.reservedBytes + 65536 + 1);
  });

  it("names the operation and the shapes in every error, and makes nothing", () => {
    using matrix = counting([2, 3]);
    using vector = counting([3]);
    using ids = tensor([0, 5], [2], { device, dtype: "int32" });
    using packed = tensor(new Uint8Array(20), [1, 32], { device, dtype: "q4_1" });
    const before = device.memory();
    const calls: [() => unknown, RegExp][] = [
      [() => tensor([1, 2], [3], { device }), /2 values given, but float32 \[3\] takes 3/],
      [() => tensor([], [-1], { device }), /not a shape/],
      [() => empty([2, 33], { device, dtype: "q8_0" }), /multiple of 32/],
      [() => empty([1], { device, dtype: "q9" as "q8_0" }), /unknown dtype "q9"/],
      [() => full([32], 1, { device, dtype: "q4_0" }), /packed/],
      [() => matmul(matrix, matrix), /matmul: shapes \[2, 3\], \[2, 3\]/],
      [() => linear(vector, matrix.transpose()), /linear: shapes/],
      [() => add(matrix, matrix.transpose()), /do not broadcast/],
      [() => add(packed, packed), /add: a q4_1 tensor is packed/],
      [() => rmsNorm(matrix, ids), /weight is int32/],
      [() => rmsNorm(matrix, matrix), /rmsNorm: shapes/],
      [() => embedding(matrix, ids), /id 5 is out of range; use 0 to 1/],
      [() => embedding(matrix, vector), /it must be int32/],
      [() => topK(matrix, 4), /k is 4; use 1 to 3/],
      [() => topK(matrix, 0.5), /k is 0.5/],
      [() => argmax(matrix.slice(1, 0, 0)), /must not be empty/],
      [() => matrix.slice(0, 1, 3), /outside dimension 0/],
      [() => matrix.permute([0, 0]), /each of the 2 dimensions once/],
      [() => matrix.transpose(0, 2), /axis 2/],
      [() => matrix.broadcastTo([3]), /more dimensions|does not repeat/],
      [() => packed.transpose(), /packed and cannot be viewed/],
      [() => assign(matrix, vector), /same shape/],
      [() => assign(matrix, ids), /one plain dtype/],
      [() => bytesOf(matrix.transpose()), /view with gaps/],
      [() => rotaryEmbedding(matrix, matrix, matrix, ids), /position 5|rotaryEmbedding: shapes/],
    ];
    for (const [call, message] of calls) {
      expect(() => tidy(call)).toThrow(message);
      try {
        tidy(call);
      } catch (error) {
        expect(XError.isInstance(error)).toBe(true);
      }
    }
    expect(device.memory()).toEqual(before);
  });

  it("does not mix devices, nor work after the device is gone", async () => {
    const other = await createDevice("cpu");
    const foreign = tensor([1], [1], { device: other });
    using own = counting([1]);
    expect(() => add(own, foreign)).toThrow(/different devices/);
    other.dispose();
    expect(() => foreign.dataSync()).toThrow(/device was disposed/);
    expect(() => zeros([1], { device: other })).toThrow(/device was disposed/);
  });
});

describe("createDevice", () => {
  it("names the choices in its errors", async () => {
    await expect(createDevice("tpu" as "cpu")).rejects.toThrow(/unknown device "tpu"/);
    await expect(createDevice("cpu", { kernels: "fast" as "auto" })).rejects.toThrow(
      /unknown kernels "fast"/,
    );
  });
});

import { afterEach, beforeEach, expect, it } from "vitest";
import {
  add,
  argmax,
  argsort,
  assign,
  byteLengthOf,
  bytesOf,
  contiguous,
  createDevice,
  crossEntropy,
  type Device,
  type DType,
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
  type TensorData,
  tensor,
  tidy,
  topK,
  XError,
  zeros,
} from "../../src/index";
import { expectAllClose } from "../support/all-close";
import { type DeviceCase, describeOn } from "../support/devices";
import { valuesOf } from "../support/values-of";

/** Views, lifetimes and errors on `deviceCase`. */
export function tensorSuite(deviceCase: DeviceCase): void {
  describeOn(deviceCase, "tensors", ({ create }) => {
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

    it("reads transposed, sliced, broadcast and permuted views in order", async () => {
      const views: [() => Tensor, number[]][] = [
        [() => counting([2, 3, 4]).permute([2, 0, 1]).slice(0, 1, 2), [1, 5, 9, 13, 17, 21]],
        [() => counting([3]).broadcastTo([2, 3]), [0, 1, 2, 0, 1, 2]],
        [
          () => contiguous(counting([2, 1, 2, 1, 2, 2]).permute([5, 4, 3, 2, 1, 0])),
          [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
        ],
        [
          () =>
            counting([2, 2, 2, 2, 2, 2]).permute([3, 0, 5, 1, 4, 2]).slice(0, 1, 2).slice(2, 0, 1),
          [4, 12, 6, 14, 20, 28, 22, 30, 36, 44, 38, 46, 52, 60, 54, 62],
        ],
        [() => tensor([7], [], { device }), [7]],
        [() => counting([2, 3]).slice(1, 1, 1), []],
      ];
      for (const [view, expected] of views) expect([...(await valuesOf(view))]).toEqual(expected);
    });

    it("writes through a view, and only there", async () => {
      using target = zeros([2, 4, 2], { device });
      tidy(() => {
        const source = full([2, 2, 2], 1, { device });
        assign(target.slice(1, 1, 3), source.permute([1, 0, 2]));
      });
      expect([...(await target.data())]).toEqual([0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0]);
      tidy(() => assign(target.slice(0, 0, 1), add(target.slice(0, 1, 2), 5)));
      tidy(() => assign(target.slice(0, 1, 2), target.slice(0, 0, 1)));
      expect([...(await target.data())]).toEqual([5, 5, 6, 6, 6, 6, 5, 5, 5, 5, 6, 6, 6, 6, 5, 5]);
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

    it("writes bytes in place where the host sees them, and says so where not", async () => {
      using halves = empty([2], { device, dtype: "float16" });
      if (device.access === "in-place") {
        bytesOf(halves).set([0x00, 0x3c, 0x00, 0xc0]);
        expect([...(await halves.data())]).toEqual([0x3c00, 0xc000]);
      } else {
        expect(() => bytesOf(halves)).toThrow(/does not see/);
      }
    });

    it("holds every dtype as it was written", async () => {
      const written: [DType, number[], TensorData][] = [
        [
          "float32",
          [0.1, -0, Number.NaN, Infinity],
          Float32Array.of(0.1, -0, Number.NaN, Infinity),
        ],
        ["int32", [-7, 2 ** 24, -(2 ** 24)], Int32Array.of(-7, 2 ** 24, -(2 ** 24))],
        ["float16", [0x3c00, 0xffff, 1], Uint16Array.of(0x3c00, 0xffff, 1)],
      ];
      for (const [dtype, values, expected] of written) {
        const read = await valuesOf(() => tensor(values, [values.length], { device, dtype }));
        expect(read).toEqual(expected);
      }
      for (const dtype of ["q4_0", "q4_1", "q8_0"] as const) {
        const bytes = Uint8Array.from({ length: byteLengthOf(dtype, [3, 32]) }, (_, i) => 255 - i);
        expect(await valuesOf(() => tensor(bytes, [3, 32], { device, dtype }))).toEqual(bytes);
      }
    });

    it("reads at once where it can, and says so where not", () => {
      using pair = counting([2]);
      if (device.access === "asynchronous") {
        expect(() => pair.dataSync()).toThrow(/await tensor.data\(\)/);
      } else {
        expect([...pair.dataSync()]).toEqual([0, 1]);
      }
    });

    it("refuses integers that it does not hold exactly", async () => {
      const large = () => tensor([2 ** 24 + 1], [1], { device, dtype: "int32" });
      if (device.access === "in-place") {
        expect([...(await valuesOf(large))]).toEqual([2 ** 24 + 1]);
      } else {
        expect(large).toThrow(/16777217 is beyond/);
        expect(() => full([2], -(2 ** 25), { device, dtype: "int32" })).toThrow(/beyond/);
      }
    });

    it("checks indexes without reading them where it cannot", async () => {
      using table = counting([4, 2]);
      const rows = (ids: Tensor) => embedding(table, ids);
      const read = await valuesOf(() => rows(argmax(counting([2, 3]))));
      expect([...read]).toEqual([4, 5, 4, 5]);
      const picked = await valuesOf(() => rows(topK(counting([1, 4]), 2).indices.transpose()));
      expect([...picked]).toEqual([6, 7, 4, 5]);
      const sorted = await valuesOf(() => rows(argsort(counting([4]), { descending: true })));
      expect([...sorted]).toEqual([6, 7, 4, 5, 2, 3, 0, 1]);
      const targets = [1, -100, 0, 1];
      const loss = await valuesOf(() =>
        crossEntropy(table, tensor(targets, [4], { device, dtype: "int32" }), {
          reduction: "none",
        }),
      );
      const nats = Math.log(1 + Math.E);
      expectAllClose(loss, [nats - 1, 0, nats, nats - 1], { absolute: 1e-6 });
      using classes = tensor([1, 2, 0, -100], [4], { device, dtype: "int32" });
      expect(() => crossEntropy(table, classes)).toThrow(/2 is out of range/);
      using unknown = empty([2], { device, dtype: "int32" });
      using known = tensor([3, 0], [2], { device, dtype: "int32" });
      if (device.access === "asynchronous") {
        expect(() => rows(unknown)).toThrow(/range of the id tensor is not known/);
        assign(unknown, known);
        expect(() => rows(unknown)).toThrow(/not known/);
      }
      using filled = full([2], 1, { device, dtype: "int32" });
      assign(filled, known);
      expect([...(await valuesOf(() => rows(filled)))]).toEqual([6, 7, 0, 1]);
      using beyond = full([1], 4, { device, dtype: "int32" });
      expect(() => rows(beyond)).toThrow(/id 4 is out of range; use 0 to 3/);
      tidy(() => assign(filled.slice(0, 0, 1), beyond));
      expect(() => rows(filled)).toThrow(/id 4 is out of range/);
    });

    it("throws on use after dispose, and disposes twice without harm", async () => {
      const gone = counting([2]);
      gone.dispose();
      gone.dispose();
      expect(gone.isDisposed).toBe(true);
      await expect(gone.data()).rejects.toThrow(/was disposed/);
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

    it("tidy keeps what is returned or kept, nested scopes included", async () => {
      let kept: Tensor | undefined;
      const result = tidy(() => {
        counting([2]);
        kept = keep(counting([3]));
        return tidy(() => ({ sum: add(counting([2]), 1) }));
      });
      expect(device.memory().tensors).toBe(2);
      expect([...(await result.sum.data())]).toEqual([1, 2]);
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

    it("leaves memory where it was after a thousand steps", async () => {
      using weight = counting([32, 32]);
      using input = counting([1, 32]);
      await valuesOf(() => softmax(add(linear(input, weight), 1)));
      const before = device.memory();
      for (let step = 0; step < 1000; step++) {
        tidy(() => void softmax(add(linear(input, weight), 1)));
      }
      await valuesOf(() => softmax(add(linear(input, weight), 1)));
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
      await expect(foreign.data()).rejects.toThrow(/device was disposed/);
      expect(() => zeros([1], { device: other })).toThrow(/device was disposed/);
    });
  });
}

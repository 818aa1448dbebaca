import {
  add,
  concat,
  createDevice,
  type Device,
  mul,
  normal,
  square,
  sum,
  type Tensor,
  tensor,
  tidy,
  valueAndGrad,
} from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gatedRecurrence } from "../src/gated-recurrence";
import { linearAttention, type RecurrenceForm, retention } from "../src/index";
import { makeOperands, members, toTensors } from "./support/members";
import { relativeError } from "./support/relative-error";

const forms: RecurrenceForm[] = ["recurrent", "chunked", "parallel"];

let device: Device;
beforeAll(async () => {
  device = await createDevice("wasm");
});
afterAll(() => {
  expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
  device.dispose();
});

const sumOf = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0);

describe.each(members)("packed sequences: $name", (member) => {
  const lengths = [15, 0, 1, 70, 14];
  const starts = [0, ...lengths.map((_, index) => sumOf(lengths.slice(0, index + 1)))];
  const total = starts.at(-1)!;
  const operands = makeOperands(member, { batch: 1, time: total, heads: 2, key: 12, value: 6 }, 4);

  it.each(forms)("%s: each as if it were alone, gradients too", (form) => {
    tidy(() => {
      const { initialState: _, ...all } = toTensors(operands, member, device);
      const states = normal([lengths.length, 2, 12, 6], { device, seed: 7 });
      const present = Object.fromEntries(
        Object.entries(all).filter(([, one]) => one !== undefined),
      ) as Record<string, Tensor>;
      const lossOf = (output: Tensor, state: Tensor) =>
        add(sum(square(output)), sum(square(state)));
      type Own = Parameters<typeof gatedRecurrence>[1];
      const packed = valueAndGrad(({ initialState, ...own }: Record<string, Tensor>) => {
        const options = { form, cuSeqlens: starts, initialState: initialState! };
        const result = gatedRecurrence("test", own as unknown as Own, options);
        return lossOf(result.output, result.finalState);
      })({ ...present, initialState: states });
      const alone = valueAndGrad(({ initialState, ...own }: Record<string, Tensor>) => {
        const results = lengths.map((_, index) => {
          const cut = Object.entries(own).map(([name, one]) => [
            name,
            one.slice(1, starts[index]!, starts[index + 1]!),
          ]);
          const state = initialState!.slice(0, index, index + 1);
          const options = { form, initialState: state };
          return gatedRecurrence("test", Object.fromEntries(cut) as unknown as Own, options);
        });
        return lossOf(
          concat(
            results.map(({ output }) => output),
            { axis: 1 },
          ),
          concat(results.map(({ finalState }) => finalState)),
        );
      })({ ...present, initialState: states });
      expect(relativeError(packed.value.dataSync(), alone.value.dataSync())).toBeLessThan(1e-5);
      for (const [name, gradient] of Object.entries(packed.gradients)) {
        const error = relativeError(gradient.dataSync(), alone.gradients[name]!.dataSync());
        expect(error, `gradient of ${name}`).toBeLessThan(1e-4);
      }
    });
  });

  it.each(forms)("%s: left padding and single tokens after it equal the whole", (form) => {
    tidy(() => {
      const [padding, prompt, length] = [9, 40, 46];
      const sizes = { batch: 2, time: length, heads: 2, key: 12, value: 6 };
      const { initialState, ...whole } = toTensors(makeOperands(member, sizes, 5), member, device);
      const expected = gatedRecurrence("test", whole, { initialState });
      const named = Object.entries(whole).flatMap(([name, one]) => (one ? [[name, one]] : []));
      // Whatever padding holds, infinities and NaN included, it is not seen.
      const padded = (named as [string, Tensor][]).map(([name, one]) => {
        const shape = one.shape.map((size, axis) => (axis === 1 ? padding : size));
        const filler = tensor(
          Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, index) =>
            name === "queries" ? 1 : [Number.NaN, Number.NEGATIVE_INFINITY, 1e30][index % 3]!,
          ),
          shape,
          { device },
        );
        return [name, concat([filler, one.slice(1, 0, prompt)], { axis: 1 })];
      });
      const mask = tensor(
        Array.from({ length: 2 * (padding + prompt) }, (_, index) =>
          index % (padding + prompt) < padding ? 0 : 1,
        ),
        [2, padding + prompt],
        { device },
      );
      type Own = Parameters<typeof gatedRecurrence>[1];
      let state = gatedRecurrence("test", Object.fromEntries(padded) as unknown as Own, {
        form,
        chunkSize: 16,
        initialState,
        mask,
      });
      const outputs = [state.output.slice(1, padding, padding + prompt)];
      for (let t = prompt; t < length; t++) {
        const token = (named as [string, Tensor][]).map(([name, one]) => [
          name,
          one.slice(1, t, t + 1),
        ]);
        state = gatedRecurrence("test", Object.fromEntries(token) as unknown as Own, {
          initialState: state.finalState,
        });
        outputs.push(state.output);
      }
      const joined = concat(outputs, { axis: 1 }).dataSync();
      expect(relativeError(joined, expected.output.dataSync())).toBeLessThan(member.tolerance);
      const last = expected.finalState.dataSync();
      expect(relativeError(state.finalState.dataSync(), last)).toBeLessThan(member.tolerance);
    });
  });
});

describe("linearAttention", () => {
  it.each([true, false])("packed and padded, causal %s", (causal) => {
    tidy(() => {
      const [q, k] = [1, 2].map((seed) => normal([1, 30, 2, 6], { device, seed }));
      const v = normal([1, 30, 2, 5], { device, seed: 3 });
      const part = (from: number, to: number) =>
        linearAttention(q!.slice(1, from, to), k!.slice(1, from, to), v.slice(1, from, to), {
          causal,
        });
      const packed = linearAttention(q!, k!, v, { causal, cuSeqlens: [0, 12, 30] });
      const alone = [part(0, 12), part(12, 30)];
      const join = (parts: Tensor[], axis: number) => concat(parts, { axis }).dataSync();
      const outputs = alone.map(({ output }) => output);
      const states = alone.map(({ finalState }) => finalState);
      expect(relativeError(packed.output.dataSync(), join(outputs, 1))).toBeLessThan(1e-5);
      expect(relativeError(packed.finalState.dataSync(), join(states, 0))).toBeLessThan(1e-5);
      const mask = tensor(
        Array.from({ length: 30 }, (_, t) => (t < 12 ? 0 : 1)),
        [1, 30],
        { device, dtype: "bool" },
      );
      const masked = linearAttention(q!, k!, v, { causal, mask }).output.slice(1, 12, 30);
      expect(relativeError(masked.dataSync(), outputs[1]!.dataSync())).toBeLessThan(1e-5);
    });
  });

  it("of no tokens is empty, causal or not, and in gradients", () => {
    tidy(() => {
      const none = normal([2, 0, 1, 4], { device, seed: 1 });
      const state = normal([2, 1, 4, 5], { device, seed: 2 });
      for (const causal of [true, false]) {
        const result = linearAttention(none, none, none, { causal, initialState: state });
        expect(result.output.shape).toEqual([2, 0, 1, 4]);
        expect(result.finalState.dataSync()).toEqual(state.dataSync());
      }
      const { gradients } = valueAndGrad((s: Tensor) =>
        sum(
          mul(
            linearAttention(none, none, none, { initialState: s, form: "chunked" }).finalState,
            3,
          ),
        ),
      )(state);
      expect([...gradients.dataSync()]).toEqual(new Array(40).fill(3));
    });
  });
});

describe("bad input is refused", () => {
  const make = (...shape: number[]) => normal(shape, { device, seed: 1 });
  const cases: [string, RegExp, () => unknown][] = [
    [
      "other lengths",
      /use queries and keys/,
      () => retention(make(1, 4, 1, 2), make(1, 5, 1, 2), make(1, 4, 1, 2)),
    ],
    [
      "a form that is none",
      /use recurrent/,
      () =>
        retention(make(1, 4, 1, 2), make(1, 4, 1, 2), make(1, 4, 1, 2), {
          form: "fast" as RecurrenceForm,
        }),
    ],
    [
      "half a chunk",
      /use 64/,
      () => retention(make(1, 4, 1, 2), make(1, 4, 1, 2), make(1, 4, 1, 2), { chunkSize: 0.5 }),
    ],
    [
      "a state of another size",
      /initial state .* use \[1, 1, 2, 2\]/,
      () =>
        retention(make(1, 4, 1, 2), make(1, 4, 1, 2), make(1, 4, 1, 2), {
          initialState: make(1, 1, 2, 3),
        }),
    ],
    [
      "sequences that overlap",
      /rise from 0 to T/,
      () =>
        retention(make(1, 4, 1, 2), make(1, 4, 1, 2), make(1, 4, 1, 2), {
          cuSeqlens: [0, 3, 2, 4],
        }),
    ],
    [
      "sequences of a batch",
      /use B = 1/,
      () => retention(make(2, 4, 1, 2), make(2, 4, 1, 2), make(2, 4, 1, 2), { cuSeqlens: [0, 4] }),
    ],
    [
      "a mask of another length",
      /the mask/,
      () => retention(make(1, 4, 1, 2), make(1, 4, 1, 2), make(1, 4, 1, 2), { mask: make(1, 5) }),
    ],
    [
      "decays of other heads",
      /decays/,
      () => retention(make(1, 4, 1, 2), make(1, 4, 1, 2), make(1, 4, 1, 2), { decays: [0.5, 0.5] }),
    ],
    [
      "a decay of 0",
      /decays/,
      () => retention(make(1, 4, 1, 2), make(1, 4, 1, 2), make(1, 4, 1, 2), { decays: [0] }),
    ],
  ];

  it.each(cases)("%s", (_, message, run) => {
    tidy(() => {
      expect(run).toThrow(message);
    });
  });
});

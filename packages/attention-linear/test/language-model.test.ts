import { createDevice, crossEntropy, type Device, tensor, tidy, valueAndGrad } from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LinearAttentionKind, LinearLanguageModel } from "../src/index";
import { relativeError } from "./support/relative-error";

const kinds: LinearAttentionKind[] = ["linear", "retention", "gatedLinear", "delta", "gatedDelta"];
const sizes = { vocabularySize: 11, dim: 12, heads: 3, layers: 2, positions: 20, seed: 3 };

describe.each(kinds)("LinearLanguageModel of kind %s", (kind) => {
  let device: Device;
  let model: LinearLanguageModel;
  beforeAll(async () => {
    device = await createDevice("wasm");
    model = new LinearLanguageModel({ kind, ...sizes, device });
  });
  afterAll(() => {
    model.dispose();
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
    device.dispose();
  });
  const ids = (values: number[], shape: number[]) =>
    tensor(values, shape, { device, dtype: "int32" });
  const text = Array.from({ length: 20 }, (_, t) => (t * t + 3 * t) % 11);

  it("continues, alone and packed with others, and never looks ahead", () => {
    tidy(() => {
      const whole = model.logits(ids(text, [1, 20]));
      const prompt = model.logits(ids(text.slice(0, 13), [1, 13]));
      expect(prompt.value.dataSync()).toHaveLength(13 * 11);
      const first = whole.value.slice(1, 0, 13).dataSync();
      expect(relativeError(prompt.value.dataSync(), first)).toBeLessThan(1e-5);
      const next = model.logits(ids(text.slice(13), [1, 7]), {
        state: prompt.state,
        pastLengths: [13],
      });
      const last = whole.value.slice(1, 13, 20).dataSync();
      expect(relativeError(next.value.dataSync(), last)).toBeLessThan(1e-4);
      for (const [layer, state] of next.state.entries()) {
        expect(state.shape).toEqual([1, ...model.stateShape]);
        const expected = whole.state[layer]!.dataSync();
        expect(relativeError(state.dataSync(), expected)).toBeLessThan(1e-4);
      }
      const other = [1, 2, 3, 4, 5];
      const packed = model.logits(ids([...other, ...text], [1, 25]), { cuSeqlens: [0, 5, 25] });
      const own = packed.value.slice(1, 5, 25).dataSync();
      expect(relativeError(own, whole.value.dataSync())).toBeLessThan(1e-5);
    });
  });

  it("gives every parameter a gradient", () => {
    tidy(() => {
      const { gradients } = valueAndGrad((parameters: Record<string, ReturnType<typeof ids>>) =>
        crossEntropy(
          model.logits(ids(text.slice(0, 19), [1, 19]), { parameters }).value,
          ids(text.slice(1), [1, 19]),
        ),
      )({ ...model.parameters });
      for (const [name, gradient] of Object.entries(gradients)) {
        expect(
          gradient.dataSync().some((one) => one !== 0),
          name,
        ).toBe(true);
        expect(gradient.dataSync().every(Number.isFinite), name).toBe(true);
      }
    });
  });

  it("takes the weights of a model of its sizes, and refuses more tokens than positions", () => {
    using copy = new LinearLanguageModel({ kind, ...sizes, seed: 4, device });
    copy.load(model.parameters);
    tidy(() => {
      const tokens = ids(text, [1, 20]);
      expect(copy.logits(tokens).value.dataSync()).toEqual(model.logits(tokens).value.dataSync());
      expect(() => copy.logits(tokens, { pastLengths: [1] })).toThrow(/use at most 20/);
      const { head: _, ...rest } = model.parameters;
      expect(() => copy.load(rest)).toThrow(/head is missing/);
    });
    expect(() => new LinearLanguageModel({ kind, ...sizes, layers: 0, device })).toThrow(
      /layers is 0/,
    );
  });
});

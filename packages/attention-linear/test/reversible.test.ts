import {
  add,
  createDevice,
  type Device,
  gelu,
  linear,
  mul,
  normal,
  reshape,
  sum,
  type Tensor,
  tidy,
  valueAndGrad,
} from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  lshAttention,
  lshBuckets,
  type ResidualFunction,
  type ReversibleBlock,
  reversibleSequence,
} from "../src/index";
import { relativeError } from "./support/relative-error";

const [time, dim] = [40, 16];

describe("reversibleSequence", () => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice("wasm");
  });
  afterAll(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
    device.dispose();
  });

  let hashings = 0;
  const attend: ResidualFunction = (x, { weight }, remember) => {
    const shared = linear(x, weight!).reshape([1, time, 2, dim / 2]);
    const options = { seed: 3, rounds: 2, bucketSize: 4 };
    const buckets = remember(() => {
      hashings++;
      return lshBuckets(shared, options);
    });
    return reshape(lshAttention(shared, shared, { ...options, buckets }), [1, time, dim]);
  };
  const feedForward: ResidualFunction = (x, { up, down }) => linear(gelu(linear(x, up!)), down!);

  const draw = (seed: number, ...shape: number[]) =>
    normal(shape, { device, seed, deviation: 1 / Math.sqrt(dim) });
  const drawParameters = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      f: { weight: draw(10 * index + 1, dim, dim) },
      g: { up: draw(10 * index + 2, 2 * dim, dim), down: draw(10 * index + 3, dim, 2 * dim) },
    }));
  type Layer = ReturnType<typeof drawParameters>[number];
  const blocksOf = (layers: readonly Layer[]) =>
    layers.map(
      (layer): ReversibleBlock => ({
        f: attend,
        g: feedForward,
        fParameters: layer.f,
        gParameters: layer.g,
      }),
    );
  /** The same blocks in plain operations. */
  const plainSequence = (x1: Tensor, x2: Tensor, layers: readonly Layer[]): [Tensor, Tensor] => {
    let [y1, y2] = [x1, x2];
    for (const { f, g } of layers) {
      y1 = add(
        y1,
        attend(y2, f, (compute) => compute()),
      );
      y2 = add(
        y2,
        feedForward(y1, g, (compute) => compute()),
      );
    }
    return [y1, y2];
  };

  it("gives the outputs and gradients of plain residual blocks, from the same buckets", () => {
    tidy(() => {
      const inputs = { x1: draw(91, 1, time, dim), x2: draw(92, 1, time, dim) };
      const given = { ...inputs, layers: drawParameters(3) };
      const [r1, r2] = [draw(93, 1, time, dim), draw(94, 1, time, dim)];
      const lossOf = ([y1, y2]: [Tensor, Tensor]) => add(sum(mul(y1, r1)), sum(mul(y2, r2)));
      const expected = valueAndGrad((own: typeof given) =>
        lossOf(plainSequence(own.x1, own.x2, own.layers)),
      )(given);
      hashings = 0;
      const actual = valueAndGrad((own: typeof given) =>
        lossOf(reversibleSequence(own.x1, own.x2, blocksOf(own.layers))),
      )(given);
      expect(hashings).toBe(3);
      expect(relativeError(actual.value.dataSync(), expected.value.dataSync())).toBeLessThan(1e-5);
      const flat = ({ x1, x2, layers }: typeof given) => [
        ...[x1, x2],
        ...layers.flatMap(({ f, g }) => [f.weight, g.up, g.down]),
      ];
      for (const [index, gradient] of flat(actual.gradients).entries()) {
        const wanted = flat(expected.gradients)[index]!.dataSync();
        expect(relativeError(gradient.dataSync(), wanted), `input ${index}`).toBeLessThan(1e-4);
      }
    });
  });

  it("keeps the same activations for any number of blocks", () => {
    const keptBytes = (count: number, run: typeof plainSequence) =>
      tidy(() => {
        const given = { x: draw(91, 1, time, dim), layers: drawParameters(count) };
        let kept = 0;
        valueAndGrad((own: typeof given) => {
          const before = device.memory().bytes;
          const [y1, y2] = tidy(() => run(own.x, own.x, own.layers));
          kept = device.memory().bytes - before;
          return sum(add(y1, y2));
        })(given);
        return kept;
      });
    const reversible: typeof plainSequence = (x1, x2, layers) =>
      reversibleSequence(
        x1,
        x2,
        blocksOf(layers).map(({ g, gParameters = {} }) => ({
          f: g,
          g,
          fParameters: gParameters,
          gParameters,
        })),
      );
    const activations = 2 * time * dim * 4;
    expect(keptBytes(2, reversible)).toBeLessThanOrEqual(activations);
    expect(keptBytes(12, reversible)).toBe(keptBytes(2, reversible));
    expect(keptBytes(12, plainSequence)).toBeGreaterThan(20 * activations);
  });

  it("without gradients, with no block, and of one input alone", () => {
    tidy(() => {
      const [x1, x2] = [draw(1, 1, time, dim), draw(2, 1, time, dim)];
      const layers = drawParameters(2);
      const outputs = reversibleSequence(x1, x2, blocksOf(layers));
      const expected = plainSequence(x1, x2, layers);
      for (const [index, one] of outputs.entries()) {
        expect(relativeError(one.dataSync(), expected[index]!.dataSync())).toBeLessThan(1e-6);
      }
      const [same] = reversibleSequence(x1, x2, []);
      expect(same.dataSync()).toEqual(x1.dataSync());
      const { gradients } = valueAndGrad((own: Tensor) =>
        sum(reversibleSequence(own, x2, blocksOf(layers))[0]),
      )(x1);
      const plain = valueAndGrad((own: Tensor) => sum(plainSequence(own, x2, layers)[0]))(x1);
      expect(relativeError(gradients.dataSync(), plain.gradients.dataSync())).toBeLessThan(1e-4);
    });
  });

  it("refuses functions that change the shape", () => {
    tidy(() => {
      const [x1, x2] = [draw(1, 1, 4, dim), draw(2, 1, 4, dim)];
      const half: ResidualFunction = (x) => x.slice(2, 0, 8);
      expect(() => reversibleSequence(x1, x2, [{ f: half, g: half }])).toThrow(/keep the shape/);
      expect(() => reversibleSequence(x1, x2.slice(1, 0, 2), [])).toThrow(/x2 is/);
    });
  });
});

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as x from "../src/index";
import {
  at,
  broadcast,
  broadcastShape,
  build,
  mapEach,
  type NdArray,
  permute,
  pickAlong,
  reduce,
  reshaped,
  zipEach,
} from "./support/ndarray";

/** A tensor and what it must hold. Elements are small whole numbers, so that every result is exact. */
interface Pair {
  readonly tensor: x.Tensor;
  readonly array: NdArray;
}

/** One step of a sequence: what to do, and numbers that choose operands, dimensions and ranges. */
type Step =
  | { readonly kind: "operation"; readonly which: number; readonly choices: readonly number[] }
  | { readonly kind: "dispose"; readonly choice: number }
  | { readonly kind: "tidy"; readonly steps: readonly Step[] };

const maximumSize = 48;
const sizeOf = (shape: readonly number[]) => shape.reduce((total, size) => total * size, 1);
const limit = (value: number) => Math.min(8, Math.max(-8, value));

/** Gives successive choices; each is used as an index below a bound. */
class Choices {
  readonly #numbers: readonly number[];
  #used = 0;
  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }
  below(bound: number): number {
    return (this.#numbers[this.#used++ % this.#numbers.length] ?? 0) % Math.max(1, bound);
  }
}

type Transformation = (pool: readonly Pair[], choices: Choices) => Pair | undefined;

const pick = (pool: readonly Pair[], choices: Choices) => pool[choices.below(pool.length)]!;

function permutation(rank: number, choices: Choices): number[] {
  const rest = Array.from({ length: rank }, (_, axis) => axis);
  return Array.from({ length: rank }, () => rest.splice(choices.below(rest.length), 1)[0]!);
}

const transformations: Readonly<Record<string, Transformation>> = {
  unary(pool, choices) {
    const { tensor, array } = pick(pool, choices);
    const functions = [
      [x.neg, (v: number) => -v],
      [x.abs, Math.abs],
      [x.relu, (v: number) => Math.max(0, v)],
      [x.sign, Math.sign],
    ] as const;
    const [run, oracle] = functions[choices.below(functions.length)]!;
    return { tensor: run(tensor), array: mapEach(array, oracle) };
  },
  binary(pool, choices) {
    const [left, right] = [pick(pool, choices), pick(pool, choices)];
    const functions = [
      [x.add, (a: number, b: number) => a + b],
      [x.sub, (a: number, b: number) => a - b],
      [x.mul, (a: number, b: number) => a * b],
      [x.maximum, Math.max],
    ] as const;
    const [run, oracle] = functions[choices.below(functions.length)]!;
    const shape = broadcastShape(left.array.shape, right.array.shape);
    const fits = [left, right].every(({ array }) =>
      array.shape.every((size, axis) => {
        const target = shape[axis + shape.length - array.shape.length];
        return size === target || size === 1;
      }),
    );
    if (!fits) {
      expect(() => run(left.tensor, right.tensor)).toThrow(x.ShapeError);
      return undefined;
    }
    if (sizeOf(shape) > maximumSize) return undefined;
    using result = run(left.tensor, right.tensor);
    return {
      tensor: x.clip(result, -8, 8),
      array: zipEach([left.array, right.array], (a, b) => limit(oracle(a!, b!))),
    };
  },
  permute(pool, choices) {
    const { tensor, array } = pick(pool, choices);
    const axes = permutation(array.shape.length, choices);
    return { tensor: tensor.permute(axes), array: permute(array, axes) };
  },
  slice(pool, choices) {
    const { tensor, array } = pick(pool, choices);
    if (array.shape.length === 0) return undefined;
    const axis = choices.below(array.shape.length);
    const size = array.shape[axis]!;
    const step = [1, 2, -1, -2][choices.below(4)]!;
    const start = choices.below(size + (step > 0 ? 1 : 0));
    if (size === 0) return undefined;
    const count = choices.below(3);
    const end =
      step > 0 ? Math.min(size, start + count * step) : Math.max(-1, start + count * step);
    const indexes: number[] = [];
    for (let index = start; step > 0 ? index < end : index > end; index += step)
      indexes.push(index);
    const last = end === -1 ? undefined : end;
    return {
      tensor: tensor.slice(axis, start, last, step),
      array: pickAlong(array, axis, indexes),
    };
  },
  reshape(pool, choices) {
    const { tensor, array } = pick(pool, choices);
    const size = sizeOf(array.shape);
    const shapes = [[size], [1, size], [size, 1], ...(size % 2 === 0 ? [[2, size / 2]] : [])];
    const shape = shapes[choices.below(shapes.length)]!;
    return { tensor: x.reshape(tensor, shape), array: reshaped(array, shape) };
  },
  broadcastTo(pool, choices) {
    const { tensor, array } = pick(pool, choices);
    const repeats = 1 + choices.below(3);
    const shape = [repeats, ...array.shape.map((size) => (size === 1 ? 2 : size))];
    if (shape.length > 6 || sizeOf(shape) > maximumSize) return undefined;
    return { tensor: tensor.broadcastTo(shape), array: broadcast(array, shape) };
  },
  expandDims(pool, choices) {
    const { tensor, array } = pick(pool, choices);
    if (array.shape.length > 5) return undefined;
    const axis = choices.below(array.shape.length + 1);
    const shape = [...array.shape.slice(0, axis), 1, ...array.shape.slice(axis)];
    return { tensor: tensor.expandDims(axis), array: reshaped(array, shape) };
  },
  reduce(pool, choices) {
    const { tensor, array } = pick(pool, choices);
    if (array.shape.length === 0) return undefined;
    const axis = choices.below(array.shape.length);
    const keepDims = choices.below(2) === 1;
    using total = x.sum(tensor, { axis, keepDims });
    const sums = reduce(array, { axis, keepDims }, (e) => limit(e.reduce((a, b) => a + b, 0)));
    return { tensor: x.clip(total, -8, 8), array: sums };
  },
  concat(pool, choices) {
    const [first, second] = [pick(pool, choices), pick(pool, choices)];
    if (first.array.shape.length === 0) return undefined;
    const axis = choices.below(first.array.shape.length);
    const isJoinable =
      first.array.shape.length === second.array.shape.length &&
      first.array.shape.every((size, one) => one === axis || size === second.array.shape[one]);
    if (!isJoinable) return undefined;
    const split = first.array.shape[axis]!;
    const shape = first.array.shape.map((size, one) =>
      one === axis ? size + second.array.shape[axis]! : size,
    );
    if (sizeOf(shape) > maximumSize) return undefined;
    return {
      tensor: x.concat([first.tensor, second.tensor], { axis }),
      array: build(shape, (place) =>
        place[axis]! < split
          ? at(first.array, place)
          : at(
              second.array,
              place.map((index, one) => (one === axis ? index - split : index)),
            ),
      ),
    };
  },
  /** Writes the negated first half of a copy over its last half, in place. */
  assign(pool, choices) {
    const { tensor, array } = pick(pool, choices);
    const half = Math.floor((array.shape[0] ?? 0) / 2);
    if (half === 0) return undefined;
    const size = array.shape[0]!;
    const copy = x.clone(tensor);
    using target = copy.slice(0, size - half);
    using source = tensor.slice(0, 0, half);
    using negated = x.neg(source);
    x.assign(target, negated);
    return {
      tensor: copy,
      array: build(array.shape, (place) =>
        place[0]! < size - half
          ? at(array, place)
          : -at(array, [place[0]! - size + half, ...place.slice(1)]),
      ),
    };
  },
};

const operations = Object.values(transformations);

function runSteps(steps: readonly Step[], pool: Pair[]): void {
  for (const step of steps) {
    switch (step.kind) {
      case "operation": {
        if (pool.length === 0) break;
        const made = operations[step.which]!(pool, new Choices(step.choices));
        if (made !== undefined) pool.push(made);
        break;
      }
      case "dispose": {
        const [gone] = pool.splice(step.choice % Math.max(1, pool.length), 1);
        gone?.tensor.dispose();
        gone?.tensor.dispose();
        break;
      }
      case "tidy": {
        // What the scope makes is freed, but for its last; what came from outside stays.
        const inner = [...pool];
        const result = x.tidy(() => {
          runSteps(step.steps, inner);
          const last = inner.at(-1);
          return last === undefined || pool.includes(last) ? undefined : last;
        });
        for (let index = pool.length - 1; index >= 0; index--) {
          if (pool[index]!.tensor.isDisposed) pool.splice(index, 1);
        }
        if (result !== undefined) pool.push(result);
        break;
      }
      default:
        step satisfies never;
    }
  }
}

const { steps: stepsArbitrary } = fc.letrec<{ step: Step; steps: Step[] }>((tie) => ({
  step: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant("operation" as const),
        which: fc.nat({ max: operations.length - 1 }),
        choices: fc.array(fc.nat({ max: 59 }), { minLength: 4, maxLength: 7 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("dispose" as const), choice: fc.nat({ max: 9 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("tidy" as const), steps: tie("steps") }),
    },
  ),
  steps: fc.array(tie("step"), { maxLength: 7 }),
}));

const shapes = [[], [3], [2, 3], [1, 4], [2, 1, 2], [0, 2], [1, 2, 1, 3]] as const;

const start = fc.array(
  fc.record({ shape: fc.constantFrom<readonly number[]>(...shapes), seed: fc.nat({ max: 6 }) }),
  { minLength: 1, maxLength: 3 },
);

const runs = [
  { name: "wasm", sequences: 10_000 },
  { name: "cpu", sequences: 500 },
] as const;

describe.each(runs)("random sequences on $name", ({ name, sequences }) => {
  let device: x.Device;
  beforeAll(async () => {
    device = await x.createDevice(name);
  });
  afterAll(() => device.dispose());

  it("agree with the oracle and leave nothing behind", () => {
    fc.assert(
      fc.property(start, stepsArbitrary, (inputs, steps) => {
        const pool = inputs.map(({ shape, seed }): Pair => {
          const array = build(shape, (place) => ((place.join().length + seed) % 7) - 3);
          return { array, tensor: x.tensor(array.values, shape, { device }) };
        });
        try {
          runSteps(steps, pool);
          for (const { tensor, array } of pool) {
            expect(tensor.shape).toEqual(array.shape);
            const values = Array.from(tensor.dataSync(), (value) => value + 0);
            expect(values).toEqual(Array.from(array.values, (value) => value + 0));
          }
        } finally {
          for (const { tensor } of pool) tensor.dispose();
        }
        const { tensors, bytes, leakedTensors } = device.memory();
        expect([tensors, bytes, leakedTensors]).toEqual([0, 0, 0]);
      }),
      { numRuns: sequences, seed: 3 },
    );
  });
});

import {
  deltaRule,
  favorFeatures,
  gatedDeltaRule,
  gatedLinearAttention,
  linearAttention,
  type OwnedFeatureMap,
  type RecurrenceOptions,
  type RecurrenceResult,
  retention,
  taylorFeatures,
} from "@x/attention-linear";
import { type Device, mul, neg, normal, sigmoid, softplus, type Tensor, tidy } from "@x/tensor";

/** Heads and sizes of all cases. */
export const heads = 4;
export const headSize = 64;

/** Random operands of any member: `[1, T, H, D]`, gates `[1, T, H]` and `[1, T, H, D]`. */
export interface MemberOperands extends Disposable {
  readonly queries: Tensor;
  readonly keys: Tensor;
  readonly values: Tensor;
  readonly beta: Tensor;
  readonly gates: Tensor;
  readonly vectorGates: Tensor;
}

export function makeOperands(device: Device, time: number): MemberOperands {
  const draw = (seed: number, ...shape: number[]) => normal(shape, { device, seed });
  const gates = (seed: number, ...shape: number[]) =>
    tidy(() => mul(softplus(neg(draw(seed, ...shape))), -1 / 16));
  const operands = {
    queries: draw(1, 1, time, heads, headSize),
    keys: draw(2, 1, time, heads, headSize),
    values: draw(3, 1, time, heads, headSize),
    beta: tidy(() => sigmoid(draw(4, 1, time, heads))),
    gates: gates(5, 1, time, heads),
    vectorGates: gates(6, 1, time, heads, headSize),
  };
  return {
    ...operands,
    [Symbol.dispose]: () => {
      for (const one of Object.values(operands)) one.dispose();
    },
  };
}

/** The same token of every operand. */
export function tokenOf(
  operands: Omit<MemberOperands, typeof Symbol.dispose>,
  t: number,
): MemberOperands {
  const at = (tensor: Tensor) => tensor.slice(1, t, t + 1);
  const { queries, keys, values, beta, gates, vectorGates } = operands;
  const token = {
    queries: at(queries),
    keys: at(keys),
    values: at(values),
    beta: at(beta),
    gates: at(gates),
    vectorGates: at(vectorGates),
  };
  return {
    ...token,
    [Symbol.dispose]: () => {
      for (const one of Object.values(token)) one.dispose();
    },
  };
}

/** A member of the family. */
export interface BenchMember {
  readonly name: string;
  run(operands: MemberOperands, options?: RecurrenceOptions): RecurrenceResult;
}

/** Every member; `favor` is the caller's to dispose. */
export function benchMembers(device: Device): {
  members: readonly BenchMember[];
  favor: OwnedFeatureMap;
} {
  const favor = favorFeatures({ device, size: headSize, features: 128, seed: 1 });
  const members: readonly BenchMember[] = [
    {
      name: "linear, elu + 1",
      run: (o, more) => linearAttention(o.queries, o.keys, o.values, more),
    },
    {
      name: "linear, FAVOR+ of 128",
      run: (o, more) =>
        linearAttention(o.queries, o.keys, o.values, { ...more, featureMap: favor }),
    },
    {
      name: "linear, Taylor of 16",
      run: ({ queries, keys, values }, more) =>
        linearAttention(queries.slice(3, 0, 16), keys.slice(3, 0, 16), values, {
          ...more,
          featureMap: taylorFeatures,
        }),
    },
    { name: "retention", run: (o, more) => retention(o.queries, o.keys, o.values, more) },
    {
      name: "gated linear",
      run: (o, more) => gatedLinearAttention(o.queries, o.keys, o.values, o.vectorGates, more),
    },
    {
      name: "delta rule",
      run: (o, more) => deltaRule(o.queries, o.keys, o.values, o.beta, more),
    },
    {
      name: "gated delta rule",
      run: (o, more) => gatedDeltaRule(o.queries, o.keys, o.values, o.beta, o.gates, more),
    },
  ];
  return { members, favor };
}

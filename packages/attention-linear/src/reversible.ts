import {
  add,
  keep,
  mul,
  ShapeError,
  sub,
  sum,
  type Tensor,
  tidy,
  valueAndGrad,
  zeros,
} from "@x/tensor";
import { needsRecord, record, SavedTensor } from "@x/tensor/kernels";

/**
 * Keeps what `compute` gives on the way forward, and gives it again on the way back: for what must not
 * change when inputs are computed again and differ in their last digits, as the buckets of LSH attention.
 * What it gives has no gradient, and must not be disposed.
 */
export type Remember = (compute: () => Tensor) => Tensor;

/** A differentiable function that keeps the shape. Must use no tracked tensor but its operands. */
export type ResidualFunction = (
  x: Tensor,
  parameters: Readonly<Record<string, Tensor>>,
  remember: Remember,
) => Tensor;

/** Two residual functions, such as attention and a feed-forward layer, with their parameters. */
export interface ReversibleBlock {
  /** F of `y1 = x1 + F(x2)`. */
  readonly f: ResidualFunction;
  /** G of `y2 = x2 + G(y1)`. */
  readonly g: ResidualFunction;
  readonly fParameters?: Readonly<Record<string, Tensor>>;
  readonly gParameters?: Readonly<Record<string, Tensor>>;
}

/** One function of the sequence with its parameters among the inputs. */
interface Stage {
  readonly run: ResidualFunction;
  readonly names: readonly string[];
  /** Place of its first parameter among all. */
  readonly start: number;
}

/**
 * Residual blocks whose inputs can be computed from their outputs, `y1 = x1 + F(x2)`, `y2 = x2 + G(y1)`,
 * so that training keeps the last activations alone, however many blocks there are (Gomez et al. 2017,
 * "RevNet", arXiv 1707.04585, section 3; Kitaev et al. 2020, "Reformer", section 3).
 *
 * @param x1 - Any shape. @param x2 - The same shape.
 * @param blocks - From the first to the last. Functions run twice: seed their dropout.
 * @returns `y1` and `y2`. Dispose both.
 * @throws ShapeError when the shapes differ, or a function changes them.
 *
 * @example
 * ```ts
 * const attend: ResidualFunction = (x, { weight }, remember) => {
 *   const shared = linear(x, weight).reshape([B, T, H, D]);
 *   const buckets = remember(() => lshBuckets(shared, { seed: 1 }));
 *   return reshape(lshAttention(shared, shared, { buckets, seed: 1 }), x.shape);
 * };
 * const [y1, y2] = reversibleSequence(x, x, [{ f: attend, g: feedForward, fParameters, gParameters }]);
 * ```
 */
export function reversibleSequence(
  x1: Tensor,
  x2: Tensor,
  blocks: readonly ReversibleBlock[],
): [Tensor, Tensor] {
  assertSameShape("x2", x2, x1);
  const parameters: Tensor[] = [];
  const stages = blocks.flatMap(({ f, g, fParameters = {}, gParameters = {} }) =>
    [
      { run: f, given: fParameters },
      { run: g, given: gParameters },
    ].map(({ run, given }): Stage => {
      const start = parameters.length;
      parameters.push(...Object.values(given));
      return { run, names: Object.keys(given), start };
    }),
  );
  const inputs = [x1, x2, ...parameters];
  const isRecorded = needsRecord(inputs);
  return tidy(() => {
    const detached = parameters.map((one) => one.detach());
    const remembered: SavedTensor[][] = [];
    let [first, second] = [x1.detach(), x2.detach()];
    for (const stage of stages) {
      const kept: SavedTensor[] = [];
      const [before, input] = [first, second];
      const sumOfBoth = tidy(() => {
        const own = parametersOf(stage, detached);
        const change = stage.run(input, own, isRecorded ? keeper(kept) : (compute) => compute());
        assertSameShape("the result of a function", change, input);
        return add(before, change);
      });
      before.dispose();
      [first, second] = [input, sumOfBoth];
      remembered.push(kept);
    }
    const outputs: [Tensor, Tensor] = [first.alias(), second.alias()];
    if (isRecorded) recordSequence(inputs, outputs, stages, remembered);
    return outputs;
  });
}

function recordSequence(
  inputs: readonly Tensor[],
  outputs: readonly [Tensor, Tensor],
  stages: readonly Stage[],
  remembered: readonly (readonly SavedTensor[])[],
): void {
  const savedParameters = inputs.slice(2).map((one) => new SavedTensor(one));
  const savedOutputs = outputs.map((one) => new SavedTensor(one));
  record({
    operation: "reversible sequence",
    inputs,
    outputs,
    saved: [...savedParameters, ...savedOutputs, ...remembered.flat()],
    compute: (gradients, needs) => {
      const parameters = savedParameters.map((one) => one.restore("reversible sequence"));
      const [y1, y2] = savedOutputs.map((one) => one.restore("reversible sequence"));
      if (y1 === undefined || y2 === undefined) return [];
      const arrived = [y1, y2].map(
        (one, index) => gradients[index] ?? zeros(one.shape, { device: one.device }),
      ) as [Tensor, Tensor];
      const found = goBack(stages, remembered, parameters, [y1, y2], arrived);
      return found.map((gradient, index) => (needs[index] ? gradient : undefined));
    },
  });
}

/** From the last function to the first: its input again, and the gradients of all inputs. */
function goBack(
  stages: readonly Stage[],
  remembered: readonly (readonly SavedTensor[])[],
  parameters: readonly Tensor[],
  outputs: readonly [Tensor, Tensor],
  gradients: readonly [Tensor, Tensor],
): (Tensor | undefined)[] {
  const found: (Tensor | undefined)[] = parameters.map(() => undefined);
  const given = new Set([...outputs, ...gradients]);
  // What went into the function, and the sum of its result and the other stream.
  let [input, total] = outputs;
  let [dInput, dTotal] = gradients;
  for (const [index, stage] of [...stages.entries()].reverse()) {
    const step = tidy(() => {
      const own = parametersOf(stage, parameters);
      const saved = remembered[index] ?? [];
      const { change, dx, dOwn } = differentiate(stage, input, own, dTotal, saved);
      return { before: sub(total, change), dx: add(dInput, dx), dOwn };
    });
    for (const [at, name] of stage.names.entries()) found[stage.start + at] = step.dOwn[name];
    for (const old of [total, dInput]) if (!given.has(old)) old.dispose();
    [input, total] = [step.before, input];
    [dInput, dTotal] = [dTotal, step.dx];
  }
  return [dInput, dTotal, ...found];
}

/** A function's result again, and its vector-Jacobian products. */
function differentiate(
  { run }: Stage,
  input: Tensor,
  own: Readonly<Record<string, Tensor>>,
  arrived: Tensor,
  saved: readonly SavedTensor[],
): { change: Tensor; dx: Tensor; dOwn: Readonly<Record<string, Tensor>> } {
  let next = 0;
  const recall: Remember = (compute) => saved[next++]?.restore("reversible sequence") ?? compute();
  let change: Tensor | undefined;
  const { gradients } = valueAndGrad(({ x, parameters }: { x: Tensor; parameters: typeof own }) => {
    const result = run(x, parameters, recall);
    change = keep(result.detach());
    return sum(mul(result, arrived));
  })({ x: input, parameters: own });
  if (change === undefined) throw new ShapeError("reversibleSequence: a function gave no result");
  using kept = change;
  return { change: kept.alias(), dx: gradients.x, dOwn: gradients.parameters };
}

function keeper(kept: SavedTensor[]): Remember {
  return (compute) => {
    const value = compute().detach();
    kept.push(new SavedTensor(value));
    return value;
  };
}

function parametersOf({ names, start }: Stage, all: readonly Tensor[]): Record<string, Tensor> {
  return Object.fromEntries(names.map((name, index) => [name, all[start + index] as Tensor]));
}

function assertSameShape(what: string, given: Tensor, expected: Tensor): void {
  if (given.shape.join() === expected.shape.join()) return;
  throw new ShapeError(
    `reversibleSequence: ${what} is [${given.shape.join(", ")}] but must be [${expected.shape.join(", ")}]; keep the shape`,
    { shape: given.shape, expected: expected.shape },
  );
}

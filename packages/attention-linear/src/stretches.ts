import { add, concat, mul, sum, type Tensor, tidy, valueAndGrad, zeros } from "@x/tensor";
import { needsRecord, record, SavedTensor } from "@x/tensor/kernels";
import type { Operands, Stretch } from "./recurrence";

/** A way to compute a stretch of tokens from the state before it, in differentiable operations. */
export interface StretchForm {
  /** Output and state after the stretch. */
  run(operands: Operands): Stretch;
  /** The state after the stretch alone. */
  advance(operands: Operands): Tensor;
}

type Named = { [Name in keyof Operands]?: Tensor };
const names = ["queries", "keys", "values", "logDecay", "beta", "state"] as const;

/**
 * Runs the tokens in stretches of `size`, from state to state, with a gradient that keeps the
 * operands alone: the backward pass computes the state before each stretch again, then goes through
 * the stretches from the last to the first. It holds one state for each stretch, and what
 * differentiating a single stretch needs.
 */
export function runStretches(operands: Operands, size: number, form: StretchForm): Stretch {
  const present = presentNames(operands);
  const inputs = present.map((name) => operands[name] as Tensor);
  if (!needsRecord(inputs)) return forward(operands, size, form);
  return tidy(() => {
    const detached = withOperands(
      operands,
      inputs.map((input) => input.detach()),
    );
    const { output, state } = forward(detached, size, form);
    const saved = inputs.map((input) => new SavedTensor(input));
    record({
      operation: "linear-recurrence",
      inputs,
      outputs: [output, state],
      saved,
      compute: ([outputGradient, stateGradient], needs) => {
        const restored = saved.map((one) => one.restore("linear recurrence"));
        const named = withOperands(operands, restored);
        const gradients = backward(named, outputGradient, stateGradient, size, form);
        return present.map((name, index) => (needs[index] ? gradients[name] : undefined));
      },
    });
    return { output, state };
  });
}

function presentNames(operands: Operands): (keyof Operands)[] {
  return names.filter((name) => operands[name] !== undefined);
}

/** The operands with other tensors, in the order of their names, in place of those that are there. */
function withOperands(operands: Operands, tensors: readonly Tensor[]): Operands {
  const others = presentNames(operands).map((name, index) => [name, tensors[index]]);
  return { ...operands, ...Object.fromEntries(others) };
}

/** The same stretch of every operand; the state is that before it. */
function cut(operands: Operands, start: number, size: number, state: Tensor): Operands {
  const end = Math.min(operands.queries.dimension(2), start + size);
  return {
    queries: operands.queries.slice(2, start, end),
    keys: operands.keys.slice(2, start, end),
    values: operands.values.slice(2, start, end),
    logDecay: operands.logDecay?.slice(2, start, end),
    beta: operands.beta?.slice(2, start, end),
    state,
  };
}

function startsOf({ queries }: Operands, size: number): number[] {
  return Array.from({ length: Math.ceil(queries.dimension(2) / size) }, (_, index) => index * size);
}

function forward(operands: Operands, size: number, form: StretchForm): Stretch {
  let { state } = operands;
  const outputs: Tensor[] = [];
  for (const start of startsOf(operands, size)) {
    const before = state;
    const stretch = tidy(() => form.run(cut(operands, start, size, before)));
    if (before !== operands.state) before.dispose();
    outputs.push(stretch.output);
    state = stretch.state;
  }
  const [only] = outputs;
  if (outputs.length === 1 && only !== undefined) return { output: only, state };
  if (only === undefined) return { output: operands.values.alias(), state: state.alias() };
  const output = concat(outputs, { axis: 2 });
  for (const one of outputs) one.dispose();
  return { output, state };
}

/** Gradients of the operands by name. */
function backward(
  operands: Operands,
  outputGradient: Tensor | undefined,
  stateGradient: Tensor | undefined,
  size: number,
  form: StretchForm,
): Named {
  const starts = startsOf(operands, size);
  const states = [operands.state];
  for (const start of starts.slice(0, -1)) {
    const before = states.at(-1) ?? operands.state;
    states.push(tidy(() => form.advance(cut(operands, start, size, before))));
  }
  let dState = stateGradient ?? zeros(operands.state.shape, { device: operands.state.device });
  const parts: Record<string, Tensor[]> = {};
  for (const [index, start] of [...starts.entries()].reverse()) {
    const own = cut(operands, start, size, states[index] ?? operands.state);
    const arrived = outputGradient?.slice(2, start, start + own.queries.dimension(2));
    const gradients = differentiate(own, arrived, dState, form);
    for (const [name, gradient] of Object.entries(gradients)) {
      if (name === "state") continue;
      parts[name] = [gradient, ...(parts[name] ?? [])];
    }
    if (dState !== stateGradient) dState.dispose();
    if (index > 0) states[index]?.dispose();
    dState = gradients.state ?? dState;
  }
  const whole = Object.entries(parts).map(([name, pieces]) => [name, concat(pieces, { axis: 2 })]);
  return { ...Object.fromEntries(whole), state: dState };
}

/** Vector-Jacobian product of one stretch. */
function differentiate(
  { logDecay, beta, ...rest }: Operands,
  outputGradient: Tensor | undefined,
  stateGradient: Tensor,
  form: StretchForm,
): Record<string, Tensor> {
  return tidy(() => {
    const { gradients } = valueAndGrad((own: Record<string, Tensor>) => {
      const stretch = form.run({ logDecay: undefined, beta: undefined, ...own } as Operands);
      const ofState = sum(mul(stretch.state, stateGradient));
      if (outputGradient === undefined) return ofState;
      return add(ofState, sum(mul(stretch.output, outputGradient)));
    })({ ...rest, ...(logDecay && { logDecay }), ...(beta && { beta }) });
    return gradients;
  });
}

import { type GpujsContext, type KernelSource, partOf, sliceOf } from "@x/tensor/kernels";
import type { BackwardInputs, BackwardOutputs } from "./backward-operation";
import type { RecurrenceAttributes } from "./forward-operation";
import { type DecayKind, decayText, scaleSource, TokenSteps } from "./gpujs-steps";

/** D += q doᵀ: cells `[H][K][V]`. */
const arriveSource: KernelSource = {
  name: "linear-recurrence-arrive",
  source: `function (gradient, queries, dOutput) {
    const j = this.thread.x;
    const i = this.thread.y;
    const h = this.thread.z;
    return gradient[h][i][j] + queries[h][i] * dOutput[h][j];
  }`,
  parameters: ["array", "array", "array"],
};

/** dq = (R + k wᵀ) do, R being the decayed state before the token: cells `[H][K]`. */
function querySource(kind: DecayKind): KernelSource {
  return {
    name: `linear-recurrence-query-gradient/${kind}`,
    source: `function (keys, written, logDecay, before, dOutput, valueSize) {
      const i = this.thread.x;
      const h = this.thread.y;
      let sum = 0;
      for (let j = 0; j < valueSize; j++) {
        sum += (${decayText[kind]} * before[h][i][j] + keys[h][i] * written[h][j]) * dOutput[h][j];
      }
      return sum;
    }`,
    parameters: ["array", "array", "array", "array", "array", "integer"],
  };
}

/** dw = Dᵀk: cells `[H][V]`. */
const writtenSource: KernelSource = {
  name: "linear-recurrence-written-gradient",
  source: `function (gradient, keys, keySize) {
    const j = this.thread.x;
    const h = this.thread.y;
    let sum = 0;
    for (let i = 0; i < keySize; i++) { sum += keys[h][i] * gradient[h][i][j]; }
    return sum;
  }`,
  parameters: ["array", "array", "integer"],
};

/** dk = D w, of the delta rule - R dv too: cells `[H][K]`. */
function keySource(kind: DecayKind, isDelta: boolean): KernelSource {
  return {
    name: `linear-recurrence-key-gradient/${kind}/${isDelta}`,
    source: `function (gradient, written, logDecay, before, dValue, valueSize) {
      const i = this.thread.x;
      const h = this.thread.y;
      let sum = 0;
      for (let j = 0; j < valueSize; j++) {
        sum += gradient[h][i][j] * written[h][j];
        ${isDelta ? `sum -= ${decayText[kind]} * before[h][i][j] * dValue[h][j];` : ""}
      }
      return sum;
    }`,
    parameters: ["array", "array", "array", "array", "array", "integer"],
  };
}

/** dβ = dw·u: cells `[H]`. */
const betaSource: KernelSource = {
  name: "linear-recurrence-beta-gradient",
  source: `function (dWritten, difference, valueSize) {
    const h = this.thread.x;
    let sum = 0;
    for (let j = 0; j < valueSize; j++) { sum += dWritten[h][j] * difference[h][j]; }
    return sum;
  }`,
  parameters: ["array", "array", "integer"],
};

/** D - k dvᵀ of the delta rule, in a kernel's text. */
const throughText = (isDelta: boolean) =>
  isDelta ? "(gradient[h][i][j] - keys[h][i] * dValue[h][j])" : "gradient[h][i][j]";

/** dg, the sum of D ∘ R over a row, or over all rows: cells `[H][K]` or `[H][1]`. */
function gateSource(kind: DecayKind, isDelta: boolean): KernelSource {
  const row = `for (let j = 0; j < valueSize; j++) {
    sum += ${throughText(isDelta)} * ${decayText[kind]} * before[h][i][j];
  }`;
  return {
    name: `linear-recurrence-gate-gradient/${kind}/${isDelta}`,
    source: `function (gradient, keys, dValue, logDecay, before, keySize, valueSize) {
      const h = this.thread.y;
      let sum = 0;
      ${
        kind === "scalar"
          ? `for (let i = 0; i < keySize; i++) { ${row} }`
          : `const i = this.thread.x; ${row}`
      }
      return sum;
    }`,
    parameters: ["array", "array", "array", "array", "array", "integer", "integer"],
  };
}

/** The gradient of the state before the token: cells `[H][K][V]`. */
function stateSource(kind: DecayKind, isDelta: boolean): KernelSource {
  return {
    name: `linear-recurrence-state-gradient/${kind}/${isDelta}`,
    source: `function (gradient, keys, dValue, logDecay) {
      const j = this.thread.x;
      const i = this.thread.y;
      const h = this.thread.z;
      return ${decayText[kind]} * ${throughText(isDelta)};
    }`,
    parameters: ["array", "array", "array", "array"],
  };
}

/** The way back in gpu.js: states from stretch to stretch, then token by token from the last. */
export function defineBackward(
  context: GpujsContext<RecurrenceAttributes, BackwardInputs, BackwardOutputs>,
): void {
  const { inputs, outputs, attributes, launch, temporary } = context;
  const [queries, keys, values, logDecay, beta, initial, dOutput, dLast] = inputs;
  const [dQueries, dKeys, dValues, dLogDecay, dBeta, dState] = outputs;
  const { starts } = attributes;
  const [sequences = 0, heads = 0, keySize = 0, valueSize = 0] = dState.shape;
  if (dState.size === 0) return;
  const steps = new TokenSteps(context, [queries, keys, values, logDecay, beta, initial]);
  const { kind, isDelta, stateSizes, width } = steps;
  const stateSize = heads * keySize * valueSize;
  const longest = starts.reduce(
    (most, start, i) => Math.max(most, start - (starts[i - 1] ?? 0)),
    1,
  );
  const stretch = Math.ceil(Math.sqrt(longest));
  const states = (count: number) => {
    const all = temporary([count * stateSize]);
    return Array.from({ length: count }, (_, index) => partOf(all, index * stateSize, stateSize));
  };
  const stretchStates = states(Math.ceil(longest / stretch));
  const tokenStates = states(stretch);
  const arrived = { slice: sliceOf(temporary([stateSize])), sizes: stateSizes };
  const passed = sliceOf(temporary([stateSize]));
  const dWritten = { slice: sliceOf(temporary([heads, valueSize])), sizes: [valueSize, heads] };
  const rowCells = [valueSize, heads];

  const retreat = (t: number, before: (typeof tokenStates)[number]) => {
    const own = { slice: before, sizes: stateSizes };
    const write = steps.write(t, before);
    const [query, key] = [steps.rows(queries, t, keySize), steps.rows(keys, t, keySize)];
    const dOut = steps.rows(dOutput, t, valueSize);
    const dValue = steps.rows(dValues, t, valueSize);
    const gates = steps.gates(t);
    launch(
      arriveSource,
      [{ slice: passed, sizes: stateSizes }, query, dOut],
      stateSizes,
      arrived.slice,
    );
    const queryOperands = [key, write, gates, own, dOut, valueSize];
    launch(
      querySource(kind),
      queryOperands,
      [keySize, heads],
      steps.rows(dQueries, t, keySize).slice,
    );
    const written = isDelta ? dWritten : dValue;
    launch(writtenSource, [arrived, key, keySize], rowCells, written.slice);
    if (isDelta) {
      launch(scaleSource, [dWritten, steps.strengths(t)], rowCells, dValue.slice);
      const betaOperands = [dWritten, steps.difference, valueSize];
      launch(betaSource, betaOperands, [heads], partOf(dBeta, t * heads, heads));
    }
    const keyOperands = [arrived, write, gates, own, dValue, valueSize];
    launch(
      keySource(kind, isDelta),
      keyOperands,
      [keySize, heads],
      steps.rows(dKeys, t, keySize).slice,
    );
    if (kind !== "none") {
      const gateOperands = [arrived, key, dValue, gates, own, keySize, valueSize];
      const target = steps.rows(dLogDecay, t, width).slice;
      launch(gateSource(kind, isDelta), gateOperands, [width, heads], target);
    }
    launch(stateSource(kind, isDelta), [arrived, key, dValue, gates], stateSizes, passed);
  };

  for (let sequence = 0; sequence < sequences; sequence++) {
    const [start = 0, end = 0] = starts.slice(sequence);
    steps.copyState(partOf(dLast, sequence * stateSize, stateSize), passed);
    let current = partOf(initial, sequence * stateSize, stateSize);
    const firsts = Array.from(
      { length: Math.ceil((end - start) / stretch) },
      (_, i) => start + i * stretch,
    );
    for (const [index, first] of firsts.entries()) {
      const kept = stretchStates[index] ?? passed;
      steps.copyState(current, kept);
      if (index === firsts.length - 1) break;
      current = kept;
      for (let t = first; t < first + stretch; t++) {
        const next = tokenStates[t - first] ?? kept;
        steps.advance(t, current, next);
        current = next;
      }
    }
    for (const [index, first] of [...firsts.entries()].reverse()) {
      const last = Math.min(end, first + stretch);
      let before = stretchStates[index] ?? passed;
      const befores = [before];
      for (let t = first; t < last - 1; t++) {
        const next = tokenStates[t - first] ?? before;
        steps.advance(t, before, next);
        befores.push(next);
        before = next;
      }
      for (let t = last - 1; t >= first; t--) retreat(t, befores[t - first] ?? before);
    }
    steps.copyState(passed, partOf(dState, sequence * stateSize, stateSize));
  }
}

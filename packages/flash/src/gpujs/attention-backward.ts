import { type Tensor, zeros } from "@x/tensor";
import {
  asArgument,
  type GpujsContext,
  type KernelArgument,
  type KernelSource,
  partOf,
  sliceOf,
} from "@x/tensor/kernels";
import { operandsOf } from "../attention-attributes";
import { type BackwardAttributes, backwardInputs, backwardOutputs } from "../backward-attributes";
import { forEachSequence, placeOf } from "./attention";
import {
  hiddenBelow,
  partArgument,
  type ScoreSource,
  scoreArguments,
  scoreSource,
  tokenRows,
} from "./score-source";

/** D = rowsum(dO ∘ O) - dLSE. Cells `[H][Nq]`. */
function deltaSource(hasTotalsGradient: boolean): KernelSource {
  return {
    name: `flash-delta/${hasTotalsGradient}`,
    source: `function (gradient, output, totalsGradient, first, valueSize) {
      const i = this.thread.x;
      const h = this.thread.y;
      let sum = 0;
      for (let c = 0; c < valueSize; c++) { sum += gradient[i][h][c] * output[i][h][c]; }
      ${hasTotalsGradient ? "sum = sum - totalsGradient[h][first + i];" : ""}
      return sum;
    }`,
    parameters: ["array", "array", "array", "integer", "integer"],
  };
}

/**
 * Statements that compute, for key `j`, query `i` and heads `h` and `kv`, the weight `weight`, its
 * dropout factor `keep`, and the gradient `ds` of the score, and then run `use`.
 */
function withScoreGradient(score: ScoreSource, use: string): string {
  return `
    ${score.score}
    if (s < ${hiddenBelow}) { bend = 0; } else {
      const weight = Math.exp(s - logSumExp[h][first + i]);
      ${score.keep}
      let dp = 0;
      for (let v = 0; v < valueSize; v++) { dp += gradient[i][h][v] * values[j][kv][v]; }
      const ds = weight * (keep * dp - delta[h][i]);
      ${use}
    }`;
}

/** Sums over the keys of a query. */
function queryGradientSource(score: ScoreSource): KernelSource {
  return gradientSource("query", score, {
    cell: "const c = this.thread.x; const h = this.thread.y; const i = this.thread.z;",
    loops: `
      const kv = Math.floor((h + 0.5) / group);
      ${score.range}
      if (logSumExp[h][first + i] < ${hiddenBelow}) { high = low; }
      for (let j = low; j < high; j++) {
        ${withScoreGradient(score, "sum += ds * bend * scale * keys[j][kv][c];")}
      }`,
  });
}

/** Sums over the queries and query heads of a key. */
function keySideSource(what: string, score: ScoreSource, use: string): KernelSource {
  return gradientSource(what, score, {
    cell: "const c = this.thread.x; const kv = this.thread.y; const j = this.thread.z;",
    loops: `
      for (let member = 0; member < group; member++) {
        const h = kv * group + member;
        for (let i = 0; i < queryLength; i++) {
          ${score.range}
          if (logSumExp[h][first + i] < ${hiddenBelow}) { high = low; }
          if (j >= low && j < high) {
            ${withScoreGradient(score, use)}
          }
        }
      }`,
  });
}

/** Sums over what a bias repeats along: cells `[H][Nq][Nk]`, or 1 for each that repeats. */
function biasGradientSource(score: ScoreSource, bias: Tensor): KernelSource {
  const [h, i, j] = ["h", "i", "j"].map((name, index) => {
    const repeats = (bias.shape.at(index - 3) ?? 1) === 1;
    const thread = ["this.thread.z", "this.thread.y", "this.thread.x"][index];
    const count = ["heads", "queryLength", "keyLength"][index];
    return `for (let ${name} = ${repeats ? "0" : thread}; ${name} < ${repeats ? count : `${thread} + 1`}; ${name}++) {`;
  });
  return gradientSource("bias", score, {
    cell: "",
    loops: `
      ${h}
        const kv = Math.floor((h + 0.5) / group);
        ${i}
          ${score.range}
          if (logSumExp[h][first + i] < ${hiddenBelow}) { high = low; }
          ${j}
            if (j >= low && j < high) {
              ${withScoreGradient(score, "sum += ds;")}
            }
          }
        }
      }`,
  });
}

function gradientSource(
  what: string,
  score: ScoreSource,
  { cell, loops }: { cell: string; loops: string },
): KernelSource {
  return {
    name: `flash-${what}-gradient/${score.key}`,
    source: `function (queries, keys, values, gradient, logSumExp, delta, first, valueSize, heads, ${score.names}) {
      ${cell}
      let sum = 0;
      ${loops}
      return sum;
    }`,
    parameters: [
      ...(["array", "array", "array", "array", "array", "array"] as const),
      ...(["integer", "integer", "integer"] as const),
      ...score.parameters,
    ],
  };
}

const sinkGradient: KernelSource = {
  name: "flash-sink-gradient",
  source: `function (sinks, logSumExp, delta, first, queryLength) {
    const h = this.thread.x;
    let sum = 0;
    for (let i = 0; i < queryLength; i++) {
      sum = sum - Math.exp(sinks[h] - logSumExp[h][first + i]) * delta[h][i];
    }
    return sum;
  }`,
  parameters: ["array", "array", "array", "integer", "integer"],
};

const addParts: KernelSource = {
  name: "flash-add-parts",
  source: "function (left, right) { return left[this.thread.x] + right[this.thread.x]; }",
  parameters: ["array", "array"],
};

/** The backward pass in gpu.js: each cell of each gradient computes the weights that it needs again. */
export function defineAttentionBackward(context: GpujsContext<BackwardAttributes>): void {
  const { inputs, outputs, attributes, launch } = context;
  const { saved, rest } = backwardInputs(inputs);
  const operands = operandsOf(rest, attributes);
  const gradients = backwardOutputs(outputs, attributes);
  const { heads, kvHeads, keySize, valueSize } = attributes.layout;
  const score = scoreSource(operands, attributes);
  for (const gradient of Object.values(gradients)) {
    if (gradient === undefined || gradient.size === 0) continue;
    launch(zero, [], [gradient.size], sliceOf(gradient));
  }
  forEachSequence(operands, attributes, (sequence) => {
    const { queries, keys, values, sinks, bias } = operands;
    const { queryLength, keyLength } = sequence.span;
    const { queryStart, keyStart, totals, firstTotal } = placeOf(sequence, saved.logSumExp);
    const totalsOf = (tensor: Tensor) => ({
      slice: partOf(tensor, totals.start, totals.length * heads),
      sizes: [totals.length, heads],
    });
    const outputGradient = tokenRows(saved.outputGradient, queryStart, queryLength);
    using delta = context.temporary([heads, queryLength]);
    launch(
      deltaSource(attributes.hasLogSumExpGradient),
      [
        outputGradient,
        tokenRows(saved.output, queryStart, queryLength),
        totalsOf(saved.logSumExpGradient),
        firstTotal,
        valueSize,
      ],
      [queryLength, heads],
      sliceOf(delta),
    );
    const deltaRows = asArgument(delta, [queryLength, heads]);
    const totalRows = totalsOf(saved.logSumExp);
    const add = (
      source: KernelSource,
      given: readonly KernelArgument[],
      cells: readonly number[],
      target: Tensor,
      start: number,
    ) => {
      const count = cells.reduce((product, size) => product * size, 1);
      using part = zeros([count], { device: queries.device });
      launch(source, given, cells, sliceOf(part));
      const sum = { slice: partOf(target, start, count), sizes: [count] };
      launch(addParts, [sum, asArgument(part)], [count], sum.slice);
    };
    if (sinks && gradients.sinks) {
      const given = [
        partArgument(sinks, 0, [heads]),
        totalRows,
        deltaRows,
        firstTotal,
        queryLength,
      ];
      add(sinkGradient, given, [heads], gradients.sinks, 0);
    }
    if (keyLength === 0) return;
    const given = [
      tokenRows(queries, queryStart, queryLength),
      tokenRows(keys, keyStart, keyLength),
      tokenRows(values, keyStart, keyLength),
      outputGradient,
      totalRows,
      deltaRows,
      firstTotal,
      valueSize,
      heads,
      ...scoreArguments(sequence),
    ];
    const queryCells = [keySize, heads, queryLength];
    const start = queryStart * heads * keySize;
    launch(
      queryGradientSource(score),
      given,
      queryCells,
      partOf(gradients.queries, start, queryLength * heads * keySize),
    );
    const sides = [
      {
        what: "key",
        target: gradients.keys,
        size: keySize,
        use: "sum += ds * bend * scale * queries[i][h][c];",
      },
      {
        what: "value",
        target: gradients.values,
        size: valueSize,
        use: "sum += weight * keep * gradient[i][h][c];",
      },
    ];
    for (const { what, target, size, use } of sides) {
      const row = kvHeads * size;
      const slice = partOf(target, keyStart * row, keyLength * row);
      launch(keySideSource(what, score, use), given, [size, kvHeads, keyLength], slice);
    }
    if (bias && gradients.bias) {
      const cells = [-1, -2, -3].map((axis) => bias.shape.at(axis) ?? 1);
      const count = cells.reduce((product, size) => product * size, 1);
      const isShared = bias.rank < 4 || bias.shape[0] === 1;
      const source = biasGradientSource(score, bias);
      add(source, given, cells, gradients.bias, isShared ? 0 : sequence.index * count);
    }
  });
}

const zero: KernelSource = {
  name: "flash-zero",
  source: "function () { return 0; }",
  parameters: [],
};

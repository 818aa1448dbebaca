import { type Tensor, tensor } from "@x/tensor";
import { type GpujsContext, type KernelSource, partOf } from "@x/tensor/kernels";
import {
  type AttentionAttributes,
  type AttentionOperands,
  operandsOf,
} from "../attention-attributes";
import { dropoutTable } from "../dropout";
import {
  hiddenBelow,
  partArgument,
  type ScoreSource,
  type SequenceArguments,
  scoreArguments,
  scoreSource,
  tokenRows,
} from "./score-source";

/** First pass: the log-sum-exp of one head's rows, by the online softmax. Cells `[Nq]`. */
function logSumExpSource(score: ScoreSource, hasSinks: boolean): KernelSource {
  return {
    name: `flash-log-sum-exp/${hasSinks}/${score.key}`,
    source: `function (queries, keys, ${hasSinks ? "sinks, " : ""}h, ${score.names}) {
      const i = this.thread.x;
      const kv = Math.floor((h + 0.5) / group);
      ${score.range}
      let maximum = ${hasSinks ? "sinks[h]" : "0"};
      let sum = ${hasSinks ? "1" : "0"};
      for (let j = low; j < high; j++) {
        ${score.score}
        if (s < ${hiddenBelow}) { bend = 0; } else {
          if (sum == 0) { maximum = s; }
          if (s > maximum) {
            sum = sum * Math.exp(maximum - s);
            maximum = s;
          }
          sum += Math.exp(s - maximum);
        }
      }
      return maximum + Math.log(sum);
    }`,
    parameters: [
      "array",
      "array",
      ...(hasSinks ? ["array" as const] : []),
      "integer",
      ...score.parameters,
    ],
  };
}

/** Second pass: each cell of the output computes its row's weights again. Cells `[Nq][H][Dv]`. */
function outputSource(score: ScoreSource): KernelSource {
  return {
    name: `flash-output/${score.key}`,
    source: `function (queries, keys, values, logSumExp, first, ${score.names}) {
      const c = this.thread.x;
      const h = this.thread.y;
      const i = this.thread.z;
      const kv = Math.floor((h + 0.5) / group);
      const total = logSumExp[h][first + i];
      ${score.range}
      let sum = 0;
      if (total < ${hiddenBelow}) { high = low; }
      for (let j = low; j < high; j++) {
        ${score.score}
        if (s < ${hiddenBelow}) { bend = 0; } else {
          ${score.keep}
          sum += keep * Math.exp(s - total) * values[j][kv][c];
        }
      }
      return sum;
    }`,
    parameters: ["array", "array", "array", "array", "integer", ...score.parameters],
  };
}

const noKeys: KernelSource = {
  name: "flash-no-keys",
  source: "function (value) { return value; }",
  parameters: ["float"],
};

const sinkAlone: KernelSource = {
  name: "flash-sink-alone",
  source: "function (sinks, h) { return sinks[h]; }",
  parameters: ["array", "integer"],
};

/** Attention in two passes, in gpu.js: it runs on every device, and holds nothing of size `Nq · Nk`. */
export function defineAttention({
  inputs,
  outputs,
  attributes,
  launch,
}: GpujsContext<AttentionAttributes>): void {
  const operands = operandsOf(inputs, attributes);
  const [output, logSumExp] = outputs;
  if (output === undefined || logSumExp === undefined || output.size === 0) return;
  const { heads, valueSize } = attributes.layout;
  const score = scoreSource(operands, attributes);
  forEachSequence(operands, attributes, (sequence) => {
    const { queries, keys, values, sinks } = operands;
    const { queryLength, keyLength } = sequence.span;
    const { queryStart, keyStart, totals, firstTotal } = placeOf(sequence, logSumExp);
    const cells = [valueSize, heads, queryLength];
    const rowSize = heads * valueSize;
    const outputRows = partOf(output, queryStart * rowSize, queryLength * rowSize);
    const sinkArgument = sinks ? [partArgument(sinks, 0, [heads])] : [];
    const totalsOf = (head: number) =>
      partOf(logSumExp, totals.start + head * totals.length + firstTotal, queryLength);
    if (keyLength === 0) {
      launch(noKeys, [0], cells, outputRows);
      for (let head = 0; head < heads; head++) {
        if (sinks) launch(sinkAlone, [...sinkArgument, head], [queryLength], totalsOf(head));
        else launch(noKeys, [Number.NEGATIVE_INFINITY], [queryLength], totalsOf(head));
      }
      return;
    }
    const queryRows = tokenRows(queries, queryStart, queryLength);
    const keyRows = tokenRows(keys, keyStart, keyLength);
    const valueRows = tokenRows(values, keyStart, keyLength);
    const rest = scoreArguments(sequence);
    const firstPass = logSumExpSource(score, sinks !== undefined);
    for (let head = 0; head < heads; head++) {
      const headArguments = [queryRows, keyRows, ...sinkArgument, head, ...rest];
      launch(firstPass, headArguments, [queryLength], totalsOf(head));
    }
    const totalRows = {
      slice: partOf(logSumExp, totals.start, totals.length * heads),
      sizes: [totals.length, heads],
    };
    const cellArguments = [queryRows, keyRows, valueRows, totalRows, firstTotal, ...rest];
    launch(outputSource(score), cellArguments, cells, outputRows);
  });
}

/** Calls `visit` for each sequence that has queries, with what its kernels are called with. */
export function forEachSequence(
  operands: AttentionOperands,
  attributes: AttentionAttributes,
  visit: (sequence: SequenceArguments) => void,
): void {
  const { layout, dropout } = attributes;
  const drop = dropout && dropoutTable(dropout, layout);
  const { device } = operands.queries;
  const shape = [layout.batch, layout.heads, 22];
  using roundKeys = drop && tensor(drop.roundKeys, shape, { device, dtype: "int32" });
  const { threshold = 0, keepScale = 1 } = drop ?? {};
  for (const [index, span] of layout.sequences.entries()) {
    if (span.queryLength === 0) continue;
    visit({ operands, attributes, index, span, roundKeys, threshold, keepScale });
  }
}

/** Where the rows of a sequence lie in contiguous operands and results. */
export function placeOf(
  { attributes: { layout }, index, span }: SequenceArguments,
  logSumExp: Tensor,
): {
  queryStart: number;
  keyStart: number;
  /** The sequence's log-sum-exps: `[H, length]` from element `start`. */
  totals: { start: number; length: number };
  /** Its first token within `length`. */
  firstTotal: number;
} {
  const { queryStart, queryLength, keyStart, keyLength } = span;
  if (layout.isPacked) {
    const totals = { start: 0, length: logSumExp.dimension(-1) };
    return { queryStart, keyStart, totals, firstTotal: queryStart };
  }
  return {
    queryStart: index * queryLength,
    keyStart: index * keyLength,
    totals: { start: index * layout.heads * queryLength, length: queryLength },
    firstTotal: 0,
  };
}

import type { Tensor } from "@x/tensor";
import {
  type ArrayArgument,
  type KernelArgument,
  type KernelParameter,
  partOf,
} from "@x/tensor/kernels";
import type { AttentionAttributes, AttentionOperands } from "../attention-attributes";
import type { SequenceSpan } from "../layout";
import { windowWord } from "../window";

/**
 * Pieces of gpu.js source that the definitions of both passes share. A kernel runs for one sequence,
 * so that every array has at most three dimensions: queries `[Nq][H][D]`, keys `[Nk][Hkv][D]`,
 * values `[Nk][Hkv][Dv]`, bias and mask `[H][Nq][Nk]` with size 1 where they repeat.
 */
export interface ScoreSource {
  /** Tells sources apart. */
  readonly key: string;
  /** Parameters that follow a kernel's own, as text and as kinds. */
  readonly names: string;
  readonly parameters: readonly KernelParameter[];
  /** Statements that set `position`, `low` and `high`: the keys that query `i` sees. */
  readonly range: string;
  /**
   * Statements that set `s`, the score of key `j` of head `kv` for query `i` of head `h`, and
   * `bend`, its derivative by the scaled product.
   */
  readonly score: string;
  /** Statements that set `keep`, the factor of dropout of that weight. */
  readonly keep: string;
}

/** Scores below this are hidden; the least finite float32, with room for its rounding. */
export const hiddenBelow = "-3.4028234e38";

/** Round keys of a head. */
const rounds = 22;

/** The source for these attributes. */
export function scoreSource(
  { bias, mask, alibiSlopes }: AttentionOperands,
  { softcap, dropout }: AttentionAttributes,
): ScoreSource {
  const isCapped = softcap > 0;
  const features = [isCapped && "cap", alibiSlopes && "alibi", dropout && "dropout"];
  const arrays = [bias && "bias", mask && "mask", alibiSlopes && "slopes", dropout && "roundKeys"];
  const present = arrays.filter((name) => name !== undefined);
  return {
    key: [features.filter(Boolean).join("+"), repeatsOf(bias), repeatsOf(mask)].join("/"),
    names: [
      ...present,
      "group, queryLength, keyLength, size, scale, left, right, softcap, threshold, keepScale",
    ].join(", "),
    parameters: [
      ...present.map(() => "array" as const),
      ...(["integer", "integer", "integer", "integer", "float"] as const),
      ...(["integer", "integer", "float", "integer", "float"] as const),
    ],
    range: `
      const position = i + keyLength - queryLength;
      let low = position - left;
      if (low < 0) { low = 0; }
      let high = position + right + 1;
      if (high > keyLength) { high = keyLength; }`,
    score: `
      let s = 0;
      for (let d = 0; d < size; d++) { s += queries[i][h][d] * keys[j][kv][d]; }
      s = s * scale;
      let bend = 1;
      ${isCapped ? "const bent = Math.tanh(s / softcap); s = softcap * bent; bend = 1 - bent * bent;" : ""}
      ${alibiSlopes ? "s = s - slopes[h] * Math.abs(position - j);" : ""}
      ${bias ? `s += ${cellOf("bias", bias)};` : ""}
      ${mask ? `if (${cellOf("mask", mask)} == 0) { s = 2 * ${hiddenBelow}; }` : ""}`,
    keep: dropout
      ? `
      let left16 = j;
      let right16 = i;
      for (let round = 0; round < ${rounds}; round++) {
        const turned = Math.floor(left16 / 128) + (left16 % 128) * 512;
        left16 = ((turned + right16) % 65536) ^ roundKeys[h][round];
        right16 = (Math.floor(right16 / 16384) + (right16 % 16384) * 4) ^ left16;
      }
      let keep = keepScale;
      if (left16 < threshold) { keep = 0; }`
      : "const keep = 1;",
  };
}

/** Which of the last three dimensions repeat. */
function repeatsOf(tensor?: Tensor): string {
  if (tensor === undefined) return "";
  return [3, 2, 1].map((fromEnd) => (isRepeated(tensor, fromEnd) ? "1" : "n")).join("");
}

function isRepeated(tensor: Tensor, fromEnd: number): boolean {
  return (tensor.shape.at(-fromEnd) ?? 1) === 1;
}

/** The cell of a bias or mask for head `h`, query `i` and key `j`. */
function cellOf(name: string, tensor: Tensor): string {
  const [head, query, key] = [3, 2, 1].map((fromEnd, index) =>
    isRepeated(tensor, fromEnd) ? "0" : ["h", "i", "j"][index],
  );
  return `${name}[${head}][${query}][${key}]`;
}

/** What the arguments of a kernel for one sequence are made from. */
export interface SequenceArguments {
  readonly operands: AttentionOperands;
  readonly attributes: AttentionAttributes;
  readonly index: number;
  readonly span: SequenceSpan;
  /** int32 `[B, H, 22]`, with dropout only. */
  readonly roundKeys: Tensor | undefined;
  readonly threshold: number;
  readonly keepScale: number;
}

/** The arguments that {@link ScoreSource.names} asks for. */
export function scoreArguments({
  operands,
  attributes,
  index,
  span,
  roundKeys,
  threshold,
  keepScale,
}: SequenceArguments): KernelArgument[] {
  const { layout, window, scale, softcap } = attributes;
  const { bias, mask, alibiSlopes } = operands;
  const slopesAt = alibiSlopes?.rank === 2 ? index : 0;
  return [
    ...scoresOfSequence(bias, index),
    ...scoresOfSequence(mask, index),
    ...(alibiSlopes ? [partArgument(alibiSlopes, slopesAt, [layout.heads])] : []),
    ...(roundKeys ? [partArgument(roundKeys, index, [rounds, layout.heads])] : []),
    layout.heads / layout.kvHeads,
    span.queryLength,
    span.keyLength,
    layout.keySize,
    scale,
    windowWord(window.left),
    windowWord(window.right),
    softcap,
    threshold,
    keepScale,
  ];
}

function scoresOfSequence(tensor: Tensor | undefined, index: number): ArrayArgument[] {
  if (tensor === undefined) return [];
  const sizes = [-1, -2, -3].map((axis) => tensor.shape.at(axis) ?? 1);
  const isShared = tensor.rank < 4 || tensor.shape[0] === 1;
  return [partArgument(tensor, isShared ? 0 : index, sizes)];
}

/** Part `index` of a contiguous tensor that consists of parts of these sizes, fastest first. */
export function partArgument(
  tensor: Tensor,
  index: number,
  sizes: readonly number[],
): ArrayArgument {
  const count = sizes.reduce((product, size) => product * size, 1);
  return { slice: partOf(tensor, index * count, count), sizes };
}

/** Tokens `start` to `start + count` of a contiguous `[…, heads, size]` operand. */
export function tokenRows(tensor: Tensor, start: number, count: number): ArrayArgument {
  const [heads = 1, size = 1] = tensor.shape.slice(-2);
  const row = heads * size;
  return { slice: partOf(tensor, start * row, count * row), sizes: [size, heads, count] };
}

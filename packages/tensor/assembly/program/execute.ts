import { attention } from "../attention";
import { add, multiply } from "../binary";
import { BlockFormat, ProductFormat } from "../block-format";
import {
  embeddingBFloat16,
  embeddingFloat16,
  embeddingFloat32,
  embeddingQ4_0,
  embeddingQ4_1,
  embeddingQ8_0,
  embeddingSuperBlocks,
} from "../embedding";
import { linearQ4_0, linearQ4_1, linearQ8_0, linearSuperBlocks } from "../linear-blocks";
import { linearBFloat16 } from "../linear-bfloat16";
import { linearFloat16 } from "../linear-float16";
import { linearFloat32 } from "../linear-float32";
import { matmulColumns } from "../matmul";
import { quantizeRows } from "../quantized-rows";
import { rmsNorm } from "../rms-norm";
import { rotateIntoCache } from "../rotary-cache";
import { silu } from "../unary-exponential";
import { chunksOf, instructionBytes, Opcode, opcodeOf, operand } from "./instruction";

/** Operands: format, table, ids, out, rows, n, rows per chunk. */
function runEmbedding(instruction: usize, begin: i32, end: i32, scratch: usize): void {
  const format = operand(instruction, 0);
  const table = operand(instruction, 1) as usize;
  const ids = (operand(instruction, 2) as usize) + begin * 4;
  const n = operand(instruction, 5);
  const out = (operand(instruction, 3) as usize) + (begin as usize) * n * 4;
  const count = end - begin;
  if (format == BlockFormat.Float32) embeddingFloat32(table, ids, out, count, n);
  else if (format == BlockFormat.Float16) embeddingFloat16(table, ids, out, count, n);
  else if (format == BlockFormat.Q4_0) embeddingQ4_0(table, ids, out, count, n);
  else if (format == BlockFormat.Q4_1) embeddingQ4_1(table, ids, out, count, n);
  else if (format == BlockFormat.Q8_0) embeddingQ8_0(table, ids, out, count, n);
  else if (format == BlockFormat.BFloat16) embeddingBFloat16(table, ids, out, count, n);
  else embeddingSuperBlocks(table, ids, out, count, n, format, scratch);
}

/** Operands: `ProductFormat`, x, weight, out, m, k, n, columns per chunk. */
function runLinear(instruction: usize, chunk: i32, scratch: usize): void {
  const planes = ProductFormat.planes(operand(instruction, 0));
  const format = ProductFormat.weights(operand(instruction, 0));
  const x = operand(instruction, 1) as usize;
  const weight = operand(instruction, 2) as usize;
  const out = operand(instruction, 3) as usize;
  const m = operand(instruction, 4);
  const k = operand(instruction, 5);
  const n = operand(instruction, 6);
  const columns = operand(instruction, 7);
  const begin = chunk * columns;
  const end = min(begin + columns, n);
  if (format == BlockFormat.Q4_0) {
    linearQ4_0(x, weight, out, m, k, n, begin, end, scratch, planes);
  } else if (format == BlockFormat.Q4_1) {
    linearQ4_1(x, weight, out, m, k, n, begin, end, scratch, planes);
  } else if (format == BlockFormat.Q8_0) {
    linearQ8_0(x, weight, out, m, k, n, begin, end, scratch, planes);
  } else if (format == BlockFormat.Float16) {
    linearFloat16(x, weight, out, m, k, n, begin, end, scratch);
  } else if (format == BlockFormat.BFloat16) {
    linearBFloat16(x, weight, out, m, k, n, begin, end, scratch);
  } else if (format >= BlockFormat.Q4_K) {
    linearSuperBlocks(x, weight, out, m, k, n, begin, end, scratch, format);
  } else linearFloat32(x, weight, out, m, k, n, begin, end, scratch);
}

/** Operands: `a`, `b`, `out`, m, k, n, batch strides of the three, rows strides of the three, columns per chunk. */
function runMatmul(instruction: usize, chunk: i32, scratch: usize): void {
  const n = operand(instruction, 5);
  const columns = operand(instruction, 12);
  const chunksOfOne = (n + columns - 1) / columns;
  const index = chunk / chunksOfOne;
  const begin = (chunk % chunksOfOne) * columns;
  matmulColumns(
    (operand(instruction, 0) as usize) + (index * operand(instruction, 6) * 4),
    (operand(instruction, 1) as usize) + (index * operand(instruction, 7) * 4),
    (operand(instruction, 2) as usize) + (index * operand(instruction, 8) * 4),
    operand(instruction, 3),
    operand(instruction, 4),
    begin,
    min(begin + columns, n),
    operand(instruction, 9),
    operand(instruction, 10),
    operand(instruction, 11),
    scratch,
    false,
  );
}

/** Rows `begin` to `end` of a kernel that works row by row. */
function runRows(instruction: usize, opcode: i32, begin: i32, end: i32, scratch: usize): void {
  if (opcode == Opcode.Embedding) {
    runEmbedding(instruction, begin, end, scratch);
    return;
  }
  const first = operand(instruction, 0) as usize;
  const second = operand(instruction, 1) as usize;
  const third = operand(instruction, 2) as usize;
  if (opcode == Opcode.RmsNorm) {
    // Operands: x, weight, out, epsilon as bits, rows, n, rows per chunk.
    const epsilon = reinterpret<f32>(operand(instruction, 3));
    const n = operand(instruction, 5);
    const offset = (begin as usize) * n * 4;
    rmsNorm(first + offset, second, third + offset, end - begin, n, epsilon);
  } else if (opcode == Opcode.Quantize) {
    // Operands: x, out, `ProductFormat`, k, rows, 0, rows per chunk.
    const k = operand(instruction, 3);
    const format = ProductFormat.weights(third as i32);
    const planes = ProductFormat.planes(third as i32);
    quantizeRows(first, second, operand(instruction, 4), k, begin, end, scratch, format, planes);
  } else if (opcode == Opcode.SiluMultiply) {
    // Operands: gate, up, out, 0, rows, n, rows per chunk.
    const n = operand(instruction, 5);
    const offset = (begin as usize) * n * 4;
    silu(first + offset, third + offset, (end - begin) * n);
    multiply(third + offset, second + offset, third + offset, 1, (end - begin) * n, 0, 0, 1, 1);
  } else {
    // Opcode.Add. Operands: a, b, out, 0, rows, n, rows per chunk.
    const n = operand(instruction, 5);
    const offset = (begin as usize) * n * 4;
    add(first + offset, second + offset, third + offset, 1, (end - begin) * n, 0, 0, 1, 1);
  }
}

/** Does chunk `chunk` of an instruction, or all of one that has none. */
function executeOne(instruction: usize, chunk: i32, scratch: usize): void {
  const opcode = opcodeOf(instruction);
  if (opcode == Opcode.Linear) runLinear(instruction, chunk, scratch);
  else if (opcode == Opcode.Matmul) runMatmul(instruction, chunk, scratch);
  else if (opcode == Opcode.Attention) attention(instruction, chunk, scratch);
  else if (opcode == Opcode.Rotary) rotateIntoCache(instruction, chunk);
  else {
    const rows = operand(instruction, 4);
    const begin = chunk * operand(instruction, 6);
    runRows(instruction, opcode, begin, min(begin + operand(instruction, 6), rows), scratch);
  }
}

/** Does all of an instruction without chunks. */
export function executeWhole(instruction: usize, scratch: usize): void {
  executeOne(instruction, 0, scratch);
}

/** Does chunk `chunk` of the phase that starts with `instruction`. */
export function executeChunk(instruction: usize, chunk: i32, scratch: usize): void {
  let chunks = chunksOf(instruction);
  while (chunk >= chunks) {
    chunk -= chunks;
    instruction += instructionBytes;
    chunks = chunksOf(instruction);
  }
  executeOne(instruction, chunk, scratch);
}

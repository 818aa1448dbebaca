/**
 * A program is a list of instructions of 64 bytes each. An instruction is a kernel with the
 * addresses and sizes that it works on, cut into chunks that threads take one by one; instructions
 * without chunks are done whole, by the thread that finished what came before.
 */

/** Bytes of an instruction. */
export const instructionBytes: usize = 64;

/** The kernels. Their operands are documented where they run, in `execute.ts`. */
export namespace Opcode {
  export const End: i32 = 0;
  export const Embedding: i32 = 1;
  export const RmsNorm: i32 = 2;
  export const Quantize: i32 = 3;
  export const Linear: i32 = 4;
  export const Rotary: i32 = 5;
  export const Attention: i32 = 6;
  export const SiluMultiply: i32 = 7;
  export const Add: i32 = 8;
  export const Matmul: i32 = 9;
}

/** The kernel. */
@inline
export function opcodeOf(instruction: usize): i32 {
  return load<i32>(instruction);
}

/** Number of chunks; 0 for an instruction that one thread does whole. */
@inline
export function chunksOf(instruction: usize): i32 {
  return load<i32>(instruction, 4);
}

/** Whether the next instruction's chunks are taken together with those of this one. */
@inline
export function isJoined(instruction: usize): bool {
  return load<i32>(instruction, 8) != 0;
}

/** Operand `index`, 0 to 12. */
@inline
export function operand(instruction: usize, index: i32): i32 {
  return load<i32>(instruction + index * 4, 12);
}

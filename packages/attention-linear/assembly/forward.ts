import { advance } from "./advance";
import { decayBytes, Operands, readToken, rowOf, Token } from "./token";

export function recurrenceScratchBytes(keySize: i32): usize {
  return decayBytes(keySize) + offsetof<Token>();
}

/**
 * @param operands an {@link Operands}.
 * @param sequences how many; `starts` [sequences + 1] int32: the first token of each, and the end.
 * @param output `[N, H, V]`.
 * @param state `[sequences, H, K, V]`, changed in place.
 */
export function linearRecurrence(
  operandsAt: usize,
  sequences: i32,
  starts: usize,
  output: usize,
  state: usize,
  scratch: usize,
): void {
  const operands = changetype<Operands>(operandsAt);
  const token = changetype<Token>(scratch);
  const decays = scratch + offsetof<Token>();
  const keyBytes = operands.keyBytes;
  const valueBytes = operands.valueBytes;
  for (let sequence = 0; sequence < sequences; sequence++) {
    const start = i32.load(starts + ((<usize>sequence) << 2));
    const end = i32.load(starts + ((<usize>sequence) << 2), 4);
    for (let head = 0; head < operands.heads; head++) {
      for (let t = start; t < end; t++) {
        readToken(token, operands, t, head, decays);
        token.output = rowOf(operands, output, t, head, valueBytes);
        advance(token, state, keyBytes, valueBytes);
      }
      state += (keyBytes * valueBytes) >> 2;
    }
  }
}

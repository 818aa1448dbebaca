import { exponential, load, store } from "./simd";

/** One token of one head. Addresses of its rows; `decays` has one factor for each row of S, or is 0. */
@unmanaged
export class Token {
  query: usize;
  key: usize;
  value: usize;
  decays: usize;
  beta: usize;
  output: usize;
}

/** The operands of all tokens, and where a token of a head finds its rows. */
@unmanaged
export class Operands {
  heads: i32;
  keyBytes: usize;
  valueBytes: usize;
  /** Elements of a token's gates for each head: 0 (none), 1, or K. */
  decayWidth: i32;
  queries: usize;
  keys: usize;
  values: usize;
  logDecay: usize;
  /** 0: no delta rule. */
  beta: usize;
}

/** Bytes of the factors of a token's decay. */
export function decayBytes(keySize: i32): usize {
  return (<usize>((keySize + 3) & ~3)) << 2;
}

/** The address in `base` of a row of `bytes` for each token and head. */
@inline
export function rowOf(operands: Operands, base: usize, t: i32, head: i32, bytes: usize): usize {
  return base + <usize>(t * operands.heads + head) * bytes;
}

/** Points `token` at token `t` of `head`, with its decay in `decays`. */
export function readToken(
  token: Token,
  operands: Operands,
  t: i32,
  head: i32,
  decays: usize,
): void {
  token.query = rowOf(operands, operands.queries, t, head, operands.keyBytes);
  token.key = rowOf(operands, operands.keys, t, head, operands.keyBytes);
  token.value = rowOf(operands, operands.values, t, head, operands.valueBytes);
  token.beta = operands.beta ? rowOf(operands, operands.beta, t, head, 4) : 0;
  const width = operands.decayWidth;
  token.decays = width ? decays : 0;
  if (width == 0) return;
  const gates = rowOf(operands, operands.logDecay, t, head, (<usize>width) << 2);
  writeDecays(decays, gates, width, operands.keyBytes);
}

/** e^g of each key element; a gate of the head is repeated. */
function writeDecays(target: usize, gates: usize, width: i32, keyBytes: usize): void {
  let i: usize = 0;
  if (width == 1) {
    const factor = exponential(v128.load32_splat(gates));
    for (; i < keyBytes; i += 16) v128.store(target + i, factor);
    return;
  }
  for (; i + 16 <= keyBytes; i += 16) v128.store(target + i, exponential(v128.load(gates + i)));
  for (; i < keyBytes; i += 4) store(target + i, exponential(load(gates + i, false)), false);
}

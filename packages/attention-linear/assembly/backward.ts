import { advance } from "./advance";
import { finish, Gradients, retreat } from "./retreat";
import { decayBytes, Operands, readToken, rowOf, Token } from "./token";

/** Tokens of a stretch: about as many as there are stretches, so that fewest states are kept. */
function stretchOf(tokens: i32): i32 {
  return max(1, <i32>Math.ceil(Math.sqrt(<f64>tokens)));
}

/** @param tokens of the longest sequence. */
export function recurrenceBackwardScratchBytes(keySize: i32, valueSize: i32, tokens: i32): usize {
  const stretch = stretchOf(tokens);
  const stretches = (tokens + stretch - 1) / stretch;
  const stateBytes = (<usize>(keySize * valueSize)) << 2;
  const rows = decayBytes(keySize) + 3 * ((<usize>keySize) << 4) + ((<usize>valueSize) << 2);
  return offsetof<Token>() + offsetof<Gradients>() + rows + <usize>(stretch + stretches) * stateBytes + 64;
}

/**
 * Gradients of `linearRecurrence`, head by head. States are computed again from the initial one: that
 * before each stretch of √T tokens, then those within a stretch, so that 2√T of them are kept for
 * one head at a time.
 *
 * @param initial `[sequences, H, K, V]`.
 * @param dOutput `[N, H, V]`.
 * @param dQueries `[N, H, K]`, as `dKeys`; `dValues` `[N, H, V]`; `dLogDecay`, `dBeta` as the operands.
 * @param dState `[sequences, H, K, V]`: first the gradient of the last state, in the end that of the
 * initial one.
 */
export function linearRecurrenceBackward(
  operandsAt: usize,
  sequences: i32,
  starts: usize,
  initial: usize,
  dOutput: usize,
  dQueries: usize,
  dKeys: usize,
  dValues: usize,
  dLogDecay: usize,
  dBeta: usize,
  dState: usize,
  scratch: usize,
): void {
  const operands = changetype<Operands>(operandsAt);
  const keyBytes = operands.keyBytes;
  const valueBytes = operands.valueBytes;
  const stateBytes = (keyBytes * valueBytes) >> 2;
  const token = changetype<Token>(scratch);
  const into = changetype<Gradients>(scratch + offsetof<Token>());
  const decays = scratch + offsetof<Token>() + offsetof<Gradients>();
  into.query = decays + decayBytes(<i32>(keyBytes >> 2));
  into.key = into.query + (keyBytes << 2);
  into.decay = into.key + (keyBytes << 2);
  const unread = into.decay + (keyBytes << 2); // where the way forward writes outputs
  const within = (unread + valueBytes + 15) & ~15;
  for (let sequence = 0; sequence < sequences; sequence++) {
    const start = i32.load(starts + ((<usize>sequence) << 2));
    const end = i32.load(starts + ((<usize>sequence) << 2), 4);
    if (start == end) {
      initial += <usize>operands.heads * stateBytes;
      dState += <usize>operands.heads * stateBytes;
      continue;
    }
    const stretch = stretchOf(end - start);
    const kept = within + <usize>stretch * stateBytes;
    for (let head = 0; head < operands.heads; head++) {
      // The state before each stretch.
      let current = kept;
      memory.copy(current, initial, stateBytes);
      let first = start;
      for (; first + stretch < end; first += stretch) {
        memory.copy(current + stateBytes, current, stateBytes);
        current += stateBytes;
        for (let t = first; t < first + stretch; t++) {
          readToken(token, operands, t, head, decays);
          token.output = unread;
          advance(token, current, keyBytes, valueBytes);
        }
      }
      for (; first >= start; first -= stretch) {
        const last = min(end, first + stretch);
        memory.copy(within, current, stateBytes);
        for (let t = first; t < last - 1; t++) {
          const next = within + <usize>(t - first + 1) * stateBytes;
          memory.copy(next, next - stateBytes, stateBytes);
          readToken(token, operands, t, head, decays);
          token.output = unread;
          advance(token, next, keyBytes, valueBytes);
        }
        for (let t = last - 1; t >= first; t--) {
          readToken(token, operands, t, head, decays);
          into.output = rowOf(operands, dOutput, t, head, valueBytes);
          into.value = rowOf(operands, dValues, t, head, valueBytes);
          const before = within + <usize>(t - first) * stateBytes;
          retreat(token, into, before, dState, keyBytes, valueBytes);
          finish(into.query, rowOf(operands, dQueries, t, head, keyBytes), keyBytes, false);
          finish(into.key, rowOf(operands, dKeys, t, head, keyBytes), keyBytes, false);
          if (operands.beta) f32.store(rowOf(operands, dBeta, t, head, 4), into.beta);
          const width = operands.decayWidth;
          if (width) {
            const target = rowOf(operands, dLogDecay, t, head, (<usize>width) << 2);
            finish(into.decay, target, keyBytes, width == 1);
          }
        }
        current -= stateBytes;
      }
      initial += stateBytes;
      dState += stateBytes;
    }
  }
}

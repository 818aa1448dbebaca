import { OutOfRangeError } from "@x/tensor";

/**
 * How far a query sees, in keys to the left and to the right of the one it is aligned with, both
 * included. The last query is aligned with the last key.
 */
export interface AttentionWindow {
  /** Default `Infinity`. */
  readonly left?: number;
  /** Default `Infinity`; `causal` makes it at most 0. */
  readonly right?: number;
}

/** A window without defaults. */
export type ResolvedWindow = Required<AttentionWindow>;

/** Folds causality into the window. @throws {OutOfRangeError} for a negative or broken size. */
export function resolveWindow(causal: boolean, window: AttentionWindow = {}): ResolvedWindow {
  const { left = Number.POSITIVE_INFINITY, right = Number.POSITIVE_INFINITY } = window;
  for (const [side, size] of Object.entries({ left, right })) {
    if (size === Number.POSITIVE_INFINITY || (Number.isInteger(size) && size >= 0)) continue;
    throw new OutOfRangeError(
      `flashAttention: window.${side} is ${size}; use an integer of 0 or more, or Infinity`,
      { [side]: size },
    );
  }
  return { left, right: causal ? Math.min(right, 0) : right };
}

/** Infinity as the kernels know it. */
const unlimited = 0x3fffffff;

/** A side of the window as a 32-bit integer. */
export function windowWord(size: number): number {
  return Math.min(size, unlimited);
}

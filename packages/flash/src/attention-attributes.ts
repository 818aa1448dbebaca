import type { Tensor } from "@x/tensor";
import type { AttentionDropout } from "./dropout";
import type { AttentionLayout } from "./layout";
import type { ResolvedWindow } from "./window";

/** Operands that an attention may have besides queries, keys and values. */
export const optionalOperands = ["bias", "mask", "alibiSlopes", "sinks"] as const;

/** Name of an optional operand. */
export type OptionalOperand = (typeof optionalOperands)[number];

/** Sizes of the tiles that a kernel works in. */
export interface TileSizes {
  /** Query rows, a multiple of 8. */
  readonly queries: number;
  /** Keys, a multiple of 4. */
  readonly keys: number;
}

/** Everything about an attention but its operands. */
export interface AttentionAttributes {
  readonly layout: AttentionLayout;
  readonly scale: number;
  readonly window: ResolvedWindow;
  /** 0: none. */
  readonly softcap: number;
  readonly dropout: AttentionDropout | undefined;
  /** The optional operands that follow queries, keys and values, in their order. */
  readonly present: readonly OptionalOperand[];
  readonly tile: TileSizes;
}

/** The operands of an attention by name. */
export interface AttentionOperands extends Partial<Readonly<Record<OptionalOperand, Tensor>>> {
  readonly queries: Tensor;
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** Names the operands of the list that the operations take. */
export function operandsOf(
  inputs: readonly Tensor[],
  { present }: Pick<AttentionAttributes, "present">,
): AttentionOperands {
  const [queries, keys, values, ...rest] = inputs as [Tensor, Tensor, Tensor, ...Tensor[]];
  const optional = Object.fromEntries(present.map((name, index) => [name, rest[index]]));
  return { queries, keys, values, ...optional };
}

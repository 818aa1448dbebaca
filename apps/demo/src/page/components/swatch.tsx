import type { BlockCell } from "../scheduler/block-cell";

/** The colour of an owner. */
export function OwnerSwatch({ color }: { readonly color: number }) {
  return <span class="swatch" data-owner={color} aria-hidden="true" />;
}

/** The look of a kind of block. */
export function KindSwatch({ kind }: { readonly kind: BlockCell["kind"] | "partly" }) {
  return <span class="swatch" data-kind={kind} aria-hidden="true" />;
}

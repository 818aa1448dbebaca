export type { TileSizes } from "./attention-attributes";
export type { AttentionGradients } from "./backward-attributes";
export type { AttentionDropout } from "./dropout";
export type { FlashAttentionOptions, FlashAttentionResult } from "./flash-attention";
export { flashAttention, flashAttentionWithLogSumExp } from "./flash-attention";
export type { FlashAttentionBackwardOperands } from "./flash-attention-backward";
export { flashAttentionBackward } from "./flash-attention-backward";
export type { CumulativeLengths } from "./layout";
export type { AttentionWindow } from "./window";

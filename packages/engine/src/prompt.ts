import type { ChatMessage } from "@x/models";

/**
 * What to continue: plain text, a conversation (written in the model's chat format), or token ids.
 */
export type Prompt = string | readonly ChatMessage[] | { readonly tokenIds: readonly number[] };

import { z } from "zod";
import { messages } from "./chat-completion-request";
import { optional } from "./optional";

/** The body of `/tokenize`: text, or a conversation. */
export const tokenizeRequest = z.union([
  z.object({
    model: optional(z.string()),
    prompt: z.string(),
    add_special_tokens: optional(z.boolean()),
    return_token_strs: optional(z.boolean()),
  }),
  z.object({
    model: optional(z.string()),
    messages,
    add_generation_prompt: optional(z.boolean()),
    return_token_strs: optional(z.boolean()),
  }),
]);

/** The body of `/detokenize`. */
export const detokenizeRequest = z.object({
  model: optional(z.string()),
  tokens: z.array(z.int().min(0)),
});

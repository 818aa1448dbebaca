import type { ChatMessage } from "@x/models";
import { z } from "zod";
import { invalidField } from "../api-error";
import { generationFields } from "./generation-fields";
import { optional } from "./optional";

const textPart = z.object({
  type: z.literal("text", { error: "this model reads text parts only" }),
  text: z.string(),
});
const content = z.union([z.string(), z.array(textPart)]);

const message = z.discriminatedUnion("role", [
  z.object({ role: z.enum(["system", "developer", "user", "tool"]), content }),
  // An assistant's turn that only calls tools has no content.
  z.object({ role: z.literal("assistant"), content: optional(content) }),
]);

/** The messages of a request. */
export const messages = z.array(message).min(1);

/** The body of `/v1/chat/completions`. */
export const chatCompletionRequest = z.object({
  ...generationFields,
  messages,
  max_completion_tokens: optional(z.int().min(0)),
  logprobs: optional(z.boolean()),
  top_logprobs: optional(z.int().min(0).max(20)),
  add_generation_prompt: optional(z.boolean()),
  tools: optional(z.array(z.unknown())),
  tool_choice: optional(z.unknown()),
});

/** A parsed body of `/v1/chat/completions`. */
export type ChatCompletionRequest = z.output<typeof chatCompletionRequest>;

/** The messages as a chat template reads them; OpenAI's developer is everyone else's system. */
export function toChatMessages(given: z.output<typeof messages>): ChatMessage[] {
  return given.map(({ role, content = "" }) => ({
    role: role === "developer" ? "system" : role,
    content: typeof content === "string" ? content : content.map(({ text }) => text).join(""),
  }));
}

/** @throws {ApiError} 400 for fields that contradict each other or that no model here can do. */
export function requireConsistentChat(request: ChatCompletionRequest): void {
  const { tools = [], tool_choice: choice, top_logprobs: top, logprobs, stream } = request;
  if (tools.length > 0 && choice !== "none") {
    throw invalidField("tools", "this server calls no tools; leave tools out");
  }
  if (top !== undefined && logprobs !== true) {
    throw invalidField("top_logprobs", "top_logprobs needs logprobs: true");
  }
  if (request.prompt_logprobs !== undefined && stream) {
    throw invalidField("prompt_logprobs", "prompt_logprobs cannot be streamed; leave stream out");
  }
}

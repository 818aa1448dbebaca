import type { LanguageModelV3Message, LanguageModelV3Prompt } from "@ai-sdk/provider";
import { type ChatMessage, InvalidArgumentError } from "@x/models";

/**
 * The AI SDK's messages as a chat template reads them.
 *
 * @throws {InvalidArgumentError} for a part that is no text.
 */
export function toChatMessages(prompt: LanguageModelV3Prompt): ChatMessage[] {
  return prompt.map((message) => ({ role: message.role, content: textOf(message) }));
}

function textOf({ role, content }: LanguageModelV3Message): string {
  if (typeof content === "string") return content;
  return content
    .map((part) => {
      if (part.type === "text") return part.text;
      // What the model thought is not for its next turn.
      if (part.type === "reasoning") return "";
      throw new InvalidArgumentError(
        `xEngine: a ${role} message has a part of type ${part.type}; this model reads text only`,
        { role, type: part.type },
      );
    })
    .join("");
}

import type { Tokenizer } from "../tokenizer/tokenizer";
import type { ChatMessage, ChatRenderOptions, ChatTemplate } from "./chat-template";

/**
 * Characters that Unicode reserves for a program's inner use: they open and close the number of a
 * piece of text that the template must not see as a special token.
 */
const open = "\uFDD0";
const close = "\uFDD1";

/**
 * The token ids of a conversation. The template's special tokens become special tokens; the same
 * names inside a message stay the text that they are, so that no one ends their turn and begins
 * another by typing `<|im_end|>`. Other messages give exactly the ids of Hugging Face.
 *
 * @param messages - At least one, oldest first.
 * @throws {TokenizerError} when the template rejects the messages.
 * @throws {InvalidArgumentError} when there is no message, or one lacks its role or content.
 *
 * @example
 * ```ts
 * const prompt = encodeChat(tokenizer, template, [{ role: "user", content: "Hello" }], {
 *   addGenerationPrompt: true,
 * });
 * ```
 */
export function encodeChat(
  tokenizer: Tokenizer,
  template: ChatTemplate,
  messages: readonly ChatMessage[],
  options: ChatRenderOptions = {},
): number[] {
  const veiled: string[] = [];
  const veil = (text: string) => {
    veiled.push(text);
    return `${open}${veiled.length - 1}${close}`;
  };
  const safeMessages = messages.map(
    (message) =>
      mapStrings(message, (text) => withoutSpecialTokens(tokenizer, text, veil)) as ChatMessage,
  );
  const text = template.render(safeMessages, options);
  const tokenIds: number[] = [];
  for (const part of tokenizer.splitSpecialTokens(text)) {
    if (typeof part === "number") {
      tokenIds.push(part);
      continue;
    }
    const unveiled = part.replace(/\uFDD0(\d+)\uFDD1/g, (_, index) => veiled[Number(index)] ?? "");
    for (const tokenId of tokenizer.encode(unveiled, { addSpecialTokens: false })) {
      tokenIds.push(tokenId);
    }
  }
  return tokenIds;
}

/** `text` with its special tokens, and the characters of the veil itself, behind the veil. */
function withoutSpecialTokens(
  tokenizer: Tokenizer,
  text: string,
  veil: (text: string) => string,
): string {
  return tokenizer
    .splitSpecialTokens(text)
    .map((part) => {
      if (typeof part === "string") {
        return part.replaceAll(open, veil);
      }
      const name = tokenizer.decode([part], { skipSpecialTokens: false });
      return tokenizer.isSpecial(part) ? veil(name) : name;
    })
    .join("");
}

/** `value` with every string in it mapped: templates may print more than role and content. */
function mapStrings(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === "string") {
    return map(value);
  }
  if (Array.isArray(value)) {
    return value.map((element) => mapStrings(element, map));
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    return Object.fromEntries(entries.map(([key, entry]) => [key, mapStrings(entry, map)]));
  }
  return value;
}

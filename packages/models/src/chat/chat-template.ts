import { Template } from "@huggingface/jinja";
import { InvalidArgumentError, TokenizerError } from "../errors";
import type { GgufMetadata } from "../gguf/metadata";
import type { Tokenizer } from "../tokenizer/tokenizer";

/** One turn of a conversation. */
export interface ChatMessage {
  /** Who speaks. Templates know `system`, `user` and `assistant`, some also others. */
  readonly role: "system" | "user" | "assistant" | (string & {});
  /** What is said. */
  readonly content: string;
}

/** Tokens that templates write by name. */
export interface ChatTemplateTokens {
  /** Text of the beginning-of-sequence token. */
  readonly bosToken?: string | undefined;
  /** Text of the end-of-sequence token. */
  readonly eosToken?: string | undefined;
}

/** Options of {@link ChatTemplate.render}. */
export interface ChatRenderOptions {
  /** End with the start of the assistant's turn, for the model to go on from. Default false. */
  readonly addGenerationPrompt?: boolean | undefined;
}

/**
 * The way a model was trained to see conversations: a Jinja template in the checkpoint, rendered as
 * Hugging Face `apply_chat_template` does. One difference is known: `strip`, `lstrip` and `rstrip`
 * always remove white space, and not the characters that a template names.
 *
 * @example
 * ```ts
 * const template = ChatTemplate.fromGguf(metadata, tokenizer);
 * template?.render([{ role: "user", content: "Hello" }], { addGenerationPrompt: true });
 * ```
 */
export class ChatTemplate {
  readonly #template: Template;
  readonly #variables: Readonly<Record<string, string | null>>;

  /**
   * @param source - Jinja source.
   * @param tokens - Tokens that the template names.
   * @throws {TokenizerError} when the source is not Jinja.
   */
  constructor(source: string, { bosToken, eosToken }: ChatTemplateTokens = {}) {
    try {
      this.#template = new Template(source);
    } catch (error) {
      throw templateError("is not valid Jinja", error);
    }
    this.#variables = { bos_token: bosToken ?? null, eos_token: eosToken ?? null };
  }

  /**
   * The template in `tokenizer.chat_template`; `undefined` when the checkpoint has none.
   *
   * @throws {TokenizerError} when it is not Jinja.
   */
  static fromGguf(metadata: GgufMetadata, tokenizer: Tokenizer): ChatTemplate | undefined {
    const key = "tokenizer.chat_template";
    if (!metadata.has(key)) {
      return undefined;
    }
    const { bosTokenId, eosTokenIds } = tokenizer;
    const textOf = (tokenId: number | undefined) =>
      tokenId === undefined ? undefined : tokenizer.decode([tokenId], { skipSpecialTokens: false });
    return new ChatTemplate(metadata.getString(key), {
      bosToken: textOf(bosTokenId),
      eosToken: textOf(eosTokenIds[0]),
    });
  }

  /**
   * The conversation as text. Special tokens are written by name; to get token ids that a message
   * cannot forge, use {@link encodeChat} and not this.
   *
   * @param messages - At least one, oldest first. Further properties reach the template too.
   * @throws {TokenizerError} when the template rejects the messages, for example because roles do
   * not take turns. @throws {InvalidArgumentError} when there is no message, or one lacks its role
   * or content.
   */
  render(
    messages: readonly ChatMessage[],
    { addGenerationPrompt = false }: ChatRenderOptions = {},
  ): string {
    requireMessages(messages);
    try {
      return this.#template.render({
        ...this.#variables,
        messages,
        add_generation_prompt: addGenerationPrompt,
      });
    } catch (error) {
      throw templateError("rejects these messages", error);
    }
  }
}

function requireMessages(messages: readonly ChatMessage[]): void {
  if (messages.length === 0) {
    throw new InvalidArgumentError("the conversation is empty; give at least one message");
  }
  for (const [index, message] of messages.entries()) {
    for (const key of ["role", "content"] as const) {
      if (typeof message[key] !== "string") {
        throw new InvalidArgumentError(
          `messages[${index}].${key} is ${typeof message[key]}; use a string`,
          { index, key, value: message[key] },
        );
      }
    }
  }
}

function templateError(problem: string, cause: unknown): TokenizerError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const line = reason.replace(/\s+/g, " ").trim().slice(0, 200);
  return new TokenizerError(`the chat template ${problem}: ${line}`, { reason }, { cause });
}

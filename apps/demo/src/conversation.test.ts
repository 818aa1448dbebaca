import type { ChatMessage } from "@x/models";
import { describe, expect, it } from "vitest";
import { Conversation } from "./conversation";

/** A model whose tokens are characters: a message costs its length and 1. */
const tinyModel = (contextLength: number) => ({
  contextLength,
  encodeChat: (messages: readonly ChatMessage[]) =>
    [...messages.map(({ content }) => `${content}|`).join("")].map((letter) =>
      letter.charCodeAt(0),
    ),
});

const decode = (tokenIds: readonly number[]) => String.fromCharCode(...tokenIds);

function conversation(...contents: string[]): Conversation {
  const result = new Conversation("S");
  for (const [index, content] of contents.entries()) {
    result.add(index % 2 === 0 ? "user" : "assistant", content);
  }
  return result;
}

describe("Conversation", () => {
  it("puts the system prompt first", () => {
    const { tokenIds, forgottenMessages } = conversation("a", "b", "c").encode(tinyModel(20), 4);
    expect(decode(tokenIds)).toBe("S|a|b|c|");
    expect(forgottenMessages).toBe(0);
  });

  it("leaves the system prompt to the template when there is none", () => {
    const chat = new Conversation();
    chat.add("user", "a");
    expect(decode(chat.encode(tinyModel(20), 4).tokenIds)).toBe("a|");
  });

  it("forgets the oldest turns, and only as many as it must", () => {
    const chat = conversation("aa", "bb", "cc", "dd", "ee");
    // 2 + 5 × 3 = 17 tokens; without the first turn 11.
    expect(chat.encode(tinyModel(21), 4).forgottenMessages).toBe(0);
    const { tokenIds, forgottenMessages } = chat.encode(tinyModel(20), 4);
    expect(decode(tokenIds)).toBe("S|cc|dd|ee|");
    expect(forgottenMessages).toBe(2);
    expect(chat.messages.map(({ content }) => content)).toEqual(["cc", "dd", "ee"]);
  });

  it("lets the last question use the room that is kept for answers", () => {
    const { tokenIds } = conversation("a", "b", "cccccc").encode(tinyModel(10), 4);
    expect(decode(tokenIds)).toBe("S|cccccc|");
  });

  it("keeps its memory when a question does not fit at all", () => {
    const chat = conversation("a", "b", "cccccccccc");
    const { tokenIds, forgottenMessages } = chat.encode(tinyModel(10), 4);
    expect(tokenIds.length).toBeGreaterThanOrEqual(10);
    expect(forgottenMessages).toBe(0);
    chat.removeLast();
    expect(chat.messages.map(({ content }) => content)).toEqual(["a", "b"]);
  });

  it("forgets everything but the system prompt", () => {
    const chat = conversation("a", "b");
    chat.reset();
    chat.add("user", "c");
    expect(decode(chat.encode(tinyModel(20), 4).tokenIds)).toBe("S|c|");
  });
});

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type ChatMessage, ChatTemplate } from "../src/chat/chat-template";
import { TokenizerError } from "../src/errors";

interface Render {
  readonly messages: readonly ChatMessage[];
  readonly addGenerationPrompt: boolean;
  readonly text?: string;
  readonly error?: string;
}

interface Fixture {
  readonly templates: readonly {
    readonly name: string;
    readonly source: string;
    readonly renders: readonly Render[];
  }[];
}

const fixture: Fixture = JSON.parse(
  readFileSync(new URL("fixtures/chat-templates.json", import.meta.url), "utf8"),
);

describe.each(fixture.templates)("the template $name, as Hugging Face renders it", (template) => {
  const chatTemplate = new ChatTemplate(template.source, { bosToken: "<s>", eosToken: "</s>" });

  it.each(template.renders)("$messages.length messages, prompt $addGenerationPrompt", (render) => {
    const { messages, addGenerationPrompt, text, error } = render;
    const rendered = () => chatTemplate.render(messages, { addGenerationPrompt });
    if (error === undefined) {
      expect(rendered()).toBe(text);
    } else {
      expect(rendered).toThrow(TokenizerError);
      expect(rendered).toThrow(`the chat template rejects these messages: ${error}`);
    }
  });
});

import { describe, expect, it } from "vitest";
import { tinyTokenizerMetadata } from "../../test/support/tiny-tokenizer";
import { InvalidArgumentError, TokenizerError } from "../errors";
import { scalar } from "../gguf/write-gguf";
import { Tokenizer } from "../tokenizer/tokenizer";
import { type ChatMessage, ChatTemplate } from "./chat-template";

const user: ChatMessage = { role: "user", content: "Hi" };

describe("ChatTemplate", () => {
  it("gives the template its messages, tokens and the prompt flag", () => {
    const template = new ChatTemplate(
      "{{ bos_token }}{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}{{ eos_token }}{{ add_generation_prompt }}",
      { bosToken: "<s>", eosToken: "</s>" },
    );
    expect(template.render([user, { role: "tool", content: "" }])).toBe(
      "<s>user:Hi;tool:;</s>false",
    );
    expect(template.render([user], { addGenerationPrompt: true })).toBe("<s>user:Hi;</s>true");
    expect(new ChatTemplate("{{ bos_token is none }}").render([user])).toBe("true");
  });

  it("keeps what a message has besides", () => {
    const template = new ChatTemplate("{{ messages[0].name }}");
    expect(template.render([{ ...user, name: "Ada" } as ChatMessage])).toBe("Ada");
  });

  it("does not take content for a template", () => {
    const template = new ChatTemplate("{{ messages[0].content }}");
    const content = "{{ 1 + 1 }}{% raise %}{# no #}";
    expect(template.render([{ role: "user", content }])).toBe(content);
  });

  it.each([
    ["{% for %}", "is not valid Jinja"],
    ["{{ messages", "is not valid Jinja"],
    ["{% if true %}", "is not valid Jinja"],
    [`{{ ${"(".repeat(50_000)} }}`, "is not valid Jinja"],
  ])("rejects the source %.20s", (source, problem) => {
    const create = () => new ChatTemplate(source);
    expect(create).toThrow(TokenizerError);
    expect(create).toThrow(`the chat template ${problem}: `);
  });

  it.each([
    ["{{ raise_exception('Only\\n  one line') }}", "Only one line"],
    ["{{ messages[0].content | nosuchfilter }}", "nosuchfilter"],
    ["{{ nothing() }}", "not a function"],
  ])("says in one line why it rejects messages: %s", (source, reason) => {
    const render = () => new ChatTemplate(source).render([user]);
    expect(render).toThrow(TokenizerError);
    expect(render).toThrow("the chat template rejects these messages: ");
    expect(render).toThrow(reason);
    expect(render).not.toThrow(/\n/);
  });

  it("rejects conversations that are none", () => {
    const template = new ChatTemplate("{{ messages | length }}");
    expect(() => template.render([])).toThrow(InvalidArgumentError);
    expect(() => template.render([user, { role: "user" } as ChatMessage])).toThrow(
      "messages[1].content is undefined; use a string",
    );
    expect(() => template.render([{ role: 1, content: "" } as unknown as ChatMessage])).toThrow(
      "messages[0].role is number; use a string",
    );
  });

  it("comes from a checkpoint, with the names of its tokens", async () => {
    const input = {
      added: [
        ["<|begin|>", "control"],
        ["<|stop|>", "control"],
      ] as const,
      metadata: {
        "tokenizer.ggml.bos_token_id": scalar("uint32", 256),
        "tokenizer.ggml.eos_token_id": scalar("uint32", 257),
        "tokenizer.chat_template": scalar("string", "{{ bos_token }}{{ eos_token }}"),
      },
    };
    const metadata = await tinyTokenizerMetadata(input);
    const template = ChatTemplate.fromGguf(metadata, Tokenizer.fromGguf(metadata));
    expect(template?.render([user])).toBe("<|begin|><|stop|>");
    const without = await tinyTokenizerMetadata({ ...input, without: ["tokenizer.chat_template"] });
    expect(ChatTemplate.fromGguf(without, Tokenizer.fromGguf(without))).toBeUndefined();
  });
});

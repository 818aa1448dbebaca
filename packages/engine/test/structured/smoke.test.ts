import { readGguf, Tokenizer } from "@x/models";
import { findCachedModel, openFile, resolveModel } from "@x/models/node";
import { expect, it } from "vitest";
import { compileGrammar, GrammarMatcher, TokenVocabulary } from "../../src/index";

it("smoke", async () => {
  const file = await openFile(await resolveModel("smollm2-135m-instruct"));
  const { metadata } = await readGguf(file);
  const tokenizer = Tokenizer.fromGguf(metadata);
  let t = performance.now();
  const vocabulary = new TokenVocabulary(
    Array.from({ length: tokenizer.vocabularySize }, (_, id) =>
      tokenizer.isSpecial(id) ? undefined : tokenizer.tokenBytes(id),
    ),
    tokenizer.eosTokenIds,
  );
  console.log("vocab ms", performance.now() - t, vocabulary.tree.bytes.length);
  const single = new Set(vocabulary.tokenBytes.flatMap((b) => (b?.length === 1 ? [b[0]] : [])));
  console.log(
    "missing bytes",
    Array.from({ length: 256 }, (_, i) => i)
      .filter((i) => !single.has(i))
      .map((i) => i.toString(16))
      .join(" "),
  );
  const schema = {
    type: "object",
    properties: {
      name: { type: "string", maxLength: 40 },
      age: { type: "integer", minimum: 0, maximum: 150 },
      tags: { type: "array", items: { type: "string" }, maxItems: 5 },
      kind: { enum: ["a", "b", null, 3] },
      when: { type: "string", format: "date-time" },
      extra: { type: "object", additionalProperties: { type: "number" } },
    },
    required: ["name", "age", "tags", "kind", "when", "extra"],
  };
  t = performance.now();
  const grammar = compileGrammar({ type: "json_schema", schema });
  console.log("compile ms", performance.now() - t);
  const text = JSON.stringify({
    name: "Ada Lovelace of London é 日本",
    age: 36,
    tags: ["mathematics", "computing and engines", "poetry"],
    kind: null,
    when: "2024-02-29T12:00:00Z",
    extra: { "speed of light": 3e8, b: 2.5 },
  });
  const ids = tokenizer.encode(text);
  for (let round = 0; round < 3; round += 1) {
    const matcher = new GrammarMatcher(grammar, vocabulary);
    const mask = new Int32Array(Math.ceil(vocabulary.size / 32));
    const times: number[] = [];
    for (const id of ids) {
      t = performance.now();
      matcher.fillMask(mask);
      times.push(performance.now() - t);
      expect((mask[id >> 5]! >>> (id & 31)) & 1, tokenizer.decode([id])).toBe(1);
      expect(matcher.accept(id)).toBe(true);
    }
    expect(matcher.isComplete).toBe(true);
    expect(matcher.isTerminated).toBe(true);
    console.log(times.map((x) => x.toFixed(2)).join(" "));
    times.sort((a, b) => a - b);
    console.log("median", times[times.length >> 1], "max", times.at(-1));
  }
});

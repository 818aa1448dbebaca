import { it } from "vitest";
import { compileGrammar, GrammarMatcher } from "../../src/structured/index";
import { loadTokenizer, vocabularyOf } from "./support/real-model";

it("x", async () => {
  const tokenizer = await loadTokenizer();
  const cpu = (f: () => void) => {
    const s = process.cpuUsage();
    f();
    const u = process.cpuUsage(s);
    return (u.user + u.system) / 1000;
  };
  let vocabulary!: ReturnType<typeof vocabularyOf>;
  console.log(
    "compile vocab",
    cpu(() => {
      vocabulary = vocabularyOf(tokenizer);
    }),
  );
  const person = {
    type: "object",
    properties: {
      name: { type: "string", maxLength: 40 },
      age: { type: "integer", minimum: 0, maximum: 150 },
      tags: { type: "array", items: { type: "string" }, maxItems: 5 },
      born: { type: "string", format: "date-time" },
      scores: { type: "object", additionalProperties: { type: "number" } },
    },
    required: ["name", "age", "tags", "born", "scores"],
  };
  const ada = {
    name: "Ada Lovelace, comtesse née Byron 日本",
    age: 36,
    tags: ["mathematics", "analytical engines and computing", '"poetry"\n'],
    born: "1815-12-10T12:00:00Z",
    scores: { algebra: 9.5, "speed of light": 3e8, naïve: -0.25 },
  };
  const text = JSON.stringify(ada);
  const ids = tokenizer.encode(text);
  const mask = new Int32Array(Math.ceil(vocabulary.size / 32));
  for (let round = 0; round < 8; round += 1) {
    let grammar!: ReturnType<typeof compileGrammar>;
    const compile = cpu(() => {
      grammar = compileGrammar({
        type: "json_schema",
        schema: { ...person, title: String(round) },
      });
    });
    const times: number[] = [];
    const matcher = new GrammarMatcher(grammar, vocabulary);
    for (const id of ids) {
      times.push(performance.now());
      const t = performance.now();
      matcher.fillMask(mask);
      times[times.length - 1] = performance.now() - t;
      matcher.accept(id);
    }
    const first = times[0]!,
      sorted = [...times].sort((a, b) => a - b);
    const second: number[] = [];
    const again = new GrammarMatcher(grammar, vocabulary);
    for (const id of ids) {
      const t = performance.now();
      again.fillMask(mask);
      second.push(performance.now() - t);
      again.accept(id);
    }
    second.sort((a, b) => a - b);
    console.log(
      `compile ${compile.toFixed(1)} tokens ${ids.length} first ${first.toFixed(2)} median ${sorted[ids.length >> 1]!.toFixed(3)} p90 ${sorted[Math.floor(ids.length * 0.9)]!.toFixed(2)} max ${sorted.at(-1)!.toFixed(2)} sum ${sorted.reduce((a, b) => a + b).toFixed(1)}; again median ${second[ids.length >> 1]!.toFixed(4)} max ${second.at(-1)!.toFixed(3)}`,
    );
    if (round === 7)
      console.log(
        "compile worst",
        times
          .map((t, i) => [t, tokenizer.decode([ids[i]!])] as const)
          .sort((a, b) => b[0] - a[0])
          .slice(0, 8)
          .map(([t, s]) => `${t.toFixed(2)} before ${JSON.stringify(s)}`)
          .join(", "),
      );
  }
});

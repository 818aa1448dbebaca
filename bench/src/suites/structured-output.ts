import { compileGrammar, GrammarMatcher, TokenVocabulary } from "@x/engine";
import { readGguf, Tokenizer } from "@x/models";
import { openFile, resolveModel } from "@x/models/node";
import { type BenchOptions, type BenchRow, type BenchSuite, median } from "../bench-row";

const modelName = "smollm2-135m-instruct";

const schema = {
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

const text = JSON.stringify({
  name: "Ada Lovelace, comtesse née Byron 日本",
  age: 36,
  tags: ["mathematics", "analytical engines and computing", '"poetry"\n'],
  born: "1815-12-10T12:00:00Z",
  scores: { algebra: 9.5, "speed of light": 3e8, naïve: -0.25 },
});

/** What token masks cost with a real vocabulary: medians of the rounds. No package to compare. */
export const structuredOutputSuite: BenchSuite = {
  name: "structured-output",
  description: "compiling a schema, and token masks along a document",
  async run({ rounds, log }: BenchOptions) {
    const tokenizer = await loadTokenizer();
    const tokenIds = tokenizer.encode(text);
    const times: Record<string, number[]> = {};
    for (let round = 0; round <= rounds; round += 1) {
      for (const [name, milliseconds] of Object.entries(measure(tokenizer, tokenIds))) {
        // The first round warms up.
        if (round > 0) {
          times[name] ??= [];
          times[name].push(milliseconds);
        }
      }
      log(`round ${round}/${rounds}`);
    }
    return Object.entries(times).map(([name, list]) => row(name, median(list)));
  },
};

async function loadTokenizer(): Promise<Tokenizer> {
  const file = await openFile(await resolveModel(modelName));
  try {
    return Tokenizer.fromGguf((await readGguf(file)).metadata);
  } finally {
    await file.close();
  }
}

/** Milliseconds of each part, with nothing left from the rounds before. */
function measure(tokenizer: Tokenizer, tokenIds: readonly number[]): Record<string, number> {
  const [vocabularyTime, vocabulary] = timed(
    () =>
      new TokenVocabulary(
        Array.from({ length: tokenizer.vocabularySize }, (_, id) =>
          tokenizer.isSpecial(id) ? undefined : tokenizer.tokenBytes(id),
        ),
        tokenizer.eosTokenIds,
      ),
  );
  const [compileTime, grammar] = timed(() => compileGrammar({ type: "json_schema", schema }));
  const mask = new Int32Array(Math.ceil(vocabulary.size / 32));
  const maskTimes = () => {
    const matcher = new GrammarMatcher(grammar, vocabulary);
    return tokenIds.map((tokenId) => {
      const [time] = timed(() => matcher.fillMask(mask));
      if (!matcher.accept(tokenId)) throw new Error(`the schema refuses token ${tokenId}`);
      return time;
    });
  };
  const unseen = maskTimes();
  const seen = maskTimes();
  return {
    [`vocabulary of ${vocabulary.size} tokens`]: vocabularyTime,
    "compiling the schema": compileTime,
    "first mask": unseen[0] ?? Number.NaN,
    "mask where no text has been: median": median(unseen),
    "mask where no text has been: slowest": Math.max(...unseen),
    "mask where a text has been: median": median(seen),
  };
}

function timed<T>(run: () => T): [milliseconds: number, result: T] {
  const start = performance.now();
  const result = run();
  return [performance.now() - start, result];
}

function row(name: string, milliseconds: number): BenchRow {
  return {
    suite: "structured-output",
    case: name,
    unit: "µs",
    ours: 1000 * milliseconds,
    peer: null,
    peerName: null,
    ratio: null,
    threads: 1,
    node: process.version,
  };
}

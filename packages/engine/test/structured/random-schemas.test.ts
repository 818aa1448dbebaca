import fc from "fast-check";
import { expect, it } from "vitest";
import { compileGrammar, type Grammar, GrammarMatcher } from "../../src/index";
import { allowedIds, randomFrom, randomText, vocabulary } from "./support/matching";
import { schemas } from "./support/random-schema";
import { endIds } from "./support/small-vocabulary";
import { validatorOf } from "./support/validator";

const grammarOf = (schema: object): Grammar => compileGrammar({ type: "json_schema", schema });

it("whatever the masks allow ends in JSON that Ajv finds valid", () => {
  let checked = 0;
  fc.assert(
    fc.property(schemas, fc.nat(), ({ schema }, seed) => {
      const grammar = grammarOf(schema);
      const isValid = validatorOf(schema);
      for (let round = 0; round < 5; round += 1) {
        const text = randomText(grammar, randomFrom(seed + round), 40);
        expect(isValid(JSON.parse(text)), `${JSON.stringify(schema)} on ${text}`).toBe(true);
        checked += 1;
      }
    }),
    { seed: 5, numRuns: 120 },
  );
  expect(checked).toBe(600);
});

it("what is valid is allowed token by token, however it is cut into tokens", () => {
  const schemaAndValue = schemas.chain(({ schema, values }) =>
    fc.tuple(fc.constant(schema), values, fc.nat(), fc.constantFrom(undefined, 1, 2)),
  );
  fc.assert(
    fc.property(schemaAndValue, ([schema, value, seed, indentation]) => {
      const grammar = grammarOf(schema);
      const text = JSON.stringify(value, null, indentation);
      expect(validatorOf(schema)(value), `${JSON.stringify(schema)} on ${text}`).toBe(true);
      const random = randomFrom(seed);
      for (const choose of [
        longest,
        shortest,
        (ids: number[]) => ids[Math.floor(random() * ids.length)]!,
      ]) {
        const matcher = new GrammarMatcher(grammar, vocabulary);
        for (const id of tokenize(new TextEncoder().encode(text), choose)) {
          expect(allowedIds(matcher, vocabulary), `${JSON.stringify(schema)} on ${text}`).toContain(
            id,
          );
          expect(matcher.accept(id)).toBe(true);
        }
        expect(matcher.isComplete).toBe(true);
        expect(matcher.accept(endIds[1])).toBe(true);
      }
    }),
    { seed: 6, numRuns: 120 },
  );
});

/** `bytes` as tokens, at each place one of those that fit, shortest first, as `choose` chooses. */
function tokenize(bytes: Uint8Array, choose: (ids: number[]) => number): number[] {
  const ids: number[] = [];
  for (let start = 0; start < bytes.length; ) {
    const fitting = vocabulary.tokenBytes
      .flatMap((own, id) => (own?.every((byte, at) => bytes[start + at] === byte) ? [id] : []))
      .sort((left, right) => lengthOf(left) - lengthOf(right));
    const id = choose(fitting);
    ids.push(id);
    start += lengthOf(id);
  }
  return ids;
}

function lengthOf(id: number): number {
  return vocabulary.tokenBytes[id]!.length;
}

function longest(ids: number[]): number {
  return ids.at(-1)!;
}

function shortest(ids: number[]): number {
  return ids[0]!;
}

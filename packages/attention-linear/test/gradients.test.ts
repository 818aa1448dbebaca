import { normalNumbers } from "@x/tensor";
import { describe, expect, it } from "vitest";
import { makeOperands, members } from "./support/members";
import { naiveGradients } from "./support/naive-gradients";
import { type NaiveOperands, naiveRecurrence } from "./support/naive-recurrence";
import { relativeError } from "./support/relative-error";

const sizes = { batch: 2, time: 9, heads: 2, key: 5, value: 3 };
const { batch, time, heads, key, value } = sizes;
const outputWeights = Float64Array.from(normalNumbers(batch * time * heads * value, 8));
const stateWeights = Float64Array.from(normalNumbers(batch * heads * key * value, 9));

function loss(operands: NaiveOperands): number {
  const { output, state } = naiveRecurrence(operands);
  return (
    output.reduce((total, x, i) => total + x * outputWeights[i]!, 0) +
    state.reduce((total, x, i) => total + x * stateWeights[i]!, 0)
  );
}

describe("the oracle of gradients", () => {
  it.each(members)("equals central differences: $name", (member) => {
    const given = makeOperands(member, sizes, 3);
    const names = Object.keys(given).filter((name) => name !== "sizes") as Exclude<
      keyof NaiveOperands,
      "sizes"
    >[];
    const copies = names.map((name) => [name, Float64Array.from(given[name]!)] as const);
    const operands: NaiveOperands = { ...given, ...Object.fromEntries(copies) };
    const exact = naiveGradients(operands, outputWeights, stateWeights);
    for (const [name, values] of copies) {
      const numeric = values.map((centre, index) => {
        const step = 1e-5;
        const at = (x: number) => {
          values[index] = x;
          return loss(operands);
        };
        const slope = (at(centre + step) - at(centre - step)) / (2 * step);
        values[index] = centre;
        return slope;
      });
      expect(relativeError(exact[name], numeric), name).toBeLessThan(1e-7);
    }
  });
});

import { expect, it } from "vitest";
import { parseFirstTokenTotals } from "./first-token-totals";

const name = "vllm:time_to_first_token_seconds";

it("adds up what a server reports, whatever the labels", () => {
  const metrics = [
    `# TYPE ${name} histogram`,
    `${name}_bucket{le="0.1",engine="0"} 3`,
    `${name}_sum{model_name="a b",engine="0"} 1.5`,
    `${name}_sum{model_name="c",engine="1"} 0.25`,
    `${name}_count{model_name="a b",engine="0"} 4`,
    `${name}_count{model_name="c",engine="1"} 1`,
    `${name}_counted 9`,
  ].join("\n");
  expect(parseFirstTokenTotals(metrics)).toEqual({ seconds: 1.75, count: 5 });
});

it("knows nothing where the server reports nothing", () => {
  expect(parseFirstTokenTotals("up 1\n")).toBeUndefined();
});

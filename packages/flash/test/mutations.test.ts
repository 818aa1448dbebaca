import { readFileSync } from "node:fs";
import { createDevice, type Device, tidy } from "@x/tensor";
import { runOperation } from "@x/tensor/kernels";
import asc from "assemblyscript/asc";
import { describe, expect, it } from "vitest";
import { attentionOperation } from "../src/attention-operation";
import { attributesOf } from "../src/flash-attention";
import { wasmKernels } from "../src/wasm/wasm-kernels";
import { expectForward, prepare, references, toOracleLayout } from "./support/attention-case";
import { smallCases } from "./support/small-cases";

/** Wrong rules, each one edit of the kernels' sources. */
const mutations: readonly [name: string, file: string, right: string, wrong: string][] = [
  [
    "a window that is one short on the left",
    "query-rows.ts",
    "position - problem.windowLeft)",
    "position - problem.windowLeft + 1)",
  ],
  [
    "a window that is one long on the left",
    "query-rows.ts",
    "position - problem.windowLeft)",
    "position - problem.windowLeft - 1)",
  ],
  [
    "a window that is one short on the right",
    "query-rows.ts",
    "position + problem.windowRight + 1)",
    "position + problem.windowRight)",
  ],
  [
    "a window that is one long on the right",
    "query-rows.ts",
    "position + problem.windowRight + 1)",
    "position + problem.windowRight + 2)",
  ],
  [
    "alignment to the top left",
    "query-rows.ts",
    "const offset = sequence.keyLength - sequence.queryLength;",
    "const offset = 0;",
  ],
  [
    "query heads that take turns instead of sharing in groups",
    "query-rows.ts",
    "kvHead * group + (row % group)",
    "kvHead + (row % group) * problem.kvHeads",
  ],
  ["packed sequences whose keys begin at 0", "key-rows.ts", "sequence.keyStart + first", "first"],
  [
    "slopes of the first sequence for all",
    "query-rows.ts",
    "batchIndex * problem.slopesBatchStride + head",
    "head",
  ],
  ["a mask that hides what it should show", "scores.ts", "i32x4.eq(gather(", "i32x4.ne(gather("],
  [
    "tiles whose keys are never hidden one by one",
    "scores.ts",
    "firstKey < range.everyLow || firstKey + keys > range.everyHigh",
    "false",
  ],
  [
    "tiles that are skipped one key too early",
    "forward.ts",
    "range.anyHigh <= first)",
    "range.anyHigh <= first + 1)",
  ],
];

const source = (file: string) =>
  readFileSync(new URL(`../assembly/${file}`, import.meta.url), "utf8");

/** The kernels with one file edited, in base64. */
async function compile(file: string, right: string, wrong: string): Promise<string> {
  const edited = source(file).replaceAll(right, wrong);
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    [
      ...["assembly/index.ts", "--outFile", "kernels.wasm", "--enable", "simd"],
      ...["--runtime", "stub", "--importMemory", "--noExportMemory", "--noAssert"],
    ],
    {
      readFile: (name) => {
        if (!name.startsWith("assembly/")) return null;
        const path = name.slice("assembly/".length);
        try {
          return path === file ? edited : source(path);
        } catch {
          return null;
        }
      },
      writeFile: (_, contents) => {
        if (typeof contents !== "string") binary = contents;
      },
      listFiles: () => [],
    },
  );
  if (error !== null || binary === undefined) throw new Error(`asc failed: ${stderr.toString()}`);
  return Buffer.from(binary).toString("base64");
}

/** How many of the small cases come out wrong with these kernels. */
function countFailures(device: Device, module: string): number {
  const kernels = { ...wasmKernels, modules: { simd: module, "relaxed-simd": module } };
  const operation = { ...attentionOperation, kernels: { wasm: kernels } };
  return smallCases.filter(([, given]) => {
    const prepared = prepare(given);
    const { exact, plain } = references(prepared.problem);
    const result = prepared.run(device, ({ queries, keys, values, options }) =>
      tidy(() => {
        const attributes = attributesOf(queries, keys, values, options);
        const optional = attributes.present.flatMap((name) => options[name] ?? []);
        const inputs = [queries, keys, values, ...optional];
        const [output, logSumExp] = runOperation(operation, inputs, attributes);
        const totals = logSumExp!.dataSync();
        return {
          output: Float64Array.from(output!.dataSync()),
          logSumExp: Float64Array.from(toOracleLayout(totals, prepared.problem, given.packed)),
        };
      }),
    );
    try {
      expectForward(result, exact, plain);
      return false;
    } catch {
      return true;
    }
  }).length;
}

describe("the small cases", () => {
  it("pass with the kernels as they are", async () => {
    using device = await createDevice("wasm", { build: "simd", threads: 1 });
    expect(countFailures(device, await compile("forward.ts", "flashForward", "flashForward"))).toBe(
      0,
    );
  });

  it.each(mutations)("notice %s", async (_, file, right, wrong) => {
    expect(source(file)).toContain(right);
    using device = await createDevice("wasm", { build: "simd", threads: 1 });
    expect(countFailures(device, await compile(file, right, wrong))).toBeGreaterThan(0);
  });
});

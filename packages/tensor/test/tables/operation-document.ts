import { gpuCases } from "../support/devices";
import type { Ran } from "./check-case";
import type { OperationCase } from "./operation-case";

/** The columns that every machine can fill: label of the device, and title. */
const columns = [
  ["cpu, gpu.js", "cpu"],
  ["wasm, gpu.js", 'wasm, `kernels: "gpujs"`'],
  ["wasm, SIMD", "wasm"],
] as const;

/** The columns of devices that not every machine has: what must run, as their suites assert. */
const gpuColumns = [
  ["webgl, gpu.js", "webgl"],
  ["webgpu, WGSL", "webgpu"],
] as const;

const names: Readonly<Record<Ran, string>> = {
  gpujs: "gpu.js",
  simd: "SIMD",
  "relaxed-simd": "SIMD",
  wgsl: "WGSL",
  host: "·",
};

const introduction = `---
title: Operations and where they run
---

# Operations and where they run

Every operation has one definition in gpu.js, which runs on every device; some have a hand-written
kernel beside it, which takes over where the operands suit it (float32, mostly). This page is written
by the test that proves it: \`packages/tensor/test/table.test.ts\` runs each case on each device, compares
it with a float64 oracle, and notes which implementation the device reported. The same table runs on webgpu in Node where
an adapter is found, and in browsers. The test fails when the page is out of date; \`vitest run test/table.test.ts -u\` writes it anew.

- **cases**: calls of the operation, over ranks 0 to 6, broadcasting, views (transposed, stepped,
  reversed), tensors without elements, NaN and infinities, int32 and bool.
- **gradient**: cases whose gradient is compared with central differences of the oracle in float64
  (relative error 1e-4), through the views. A dash: no derivative, or the result is not float32.
- **PyTorch**: whether results (and gradients) are also compared with PyTorch's, to 1e-5. A dash: random
  numbers, constants, or a conversion that PyTorch does otherwise.
- **gpu.js**, **SIMD**, **WGSL**: what ran. Both: integers, or what the kernel does not take, went through gpu.js.
  A dot: nothing has to run, because the operation is a view, or is done by the host.

Compositions (\`mean\`, \`einsum\`, \`crossEntropy\`, …) show the kernel that gives their result.
More than 2^24 elements (\`sum\`, \`matmul\`, \`take\`, \`gather\`) are proved in \`test/large.test.ts\`, random
numbers in \`test/random.test.ts\`.
`;

/** The page of the guide that tells where each operation runs. */
export function operationDocument(
  operationTable: readonly OperationCase[],
  ranByDevice: ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<Ran>>>,
  withPyTorch: ReadonlySet<string>,
): string {
  const operations = [...new Set(operationTable.map(({ operation }) => operation))].sort();
  const rows = operations.map((operation) => {
    const cases = operationTable.filter((one) => one.operation === operation);
    const gradients = cases.filter(({ differentiable }) => differentiable).length;
    const ran = columns.map(([label]) => {
      const kinds = [...(ranByDevice.get(label)?.get(operation) ?? [])];
      const shown = kinds.length > 1 ? kinds.filter((kind) => kind !== "host") : kinds;
      return shown
        .map((kind) => names[kind])
        .sort()
        .reverse()
        .join(", ");
    });
    const isHost = ran.every((cell) => cell === names.host);
    for (const [label] of gpuColumns) {
      const kernel = cases[0]?.kernel ?? operation;
      const own = gpuCases.find((one) => one.label === label)?.implementationOf(kernel) ?? "host";
      ran.push(isHost ? names.host : names[own]);
    }
    const counts = [`${cases.length}`, gradients === 0 ? "–" : `${gradients}`];
    return [`\`${operation}\``, ...counts, withPyTorch.has(operation) ? "yes" : "–", ...ran];
  });
  const titles = [
    "operation",
    "cases",
    "gradient",
    "PyTorch",
    ...[...columns, ...gpuColumns].map(([, title]) => title),
  ];
  const lines = [titles, titles.map(() => "---"), ...rows].map(
    (cells) => `| ${cells.join(" | ")} |`,
  );
  return `${introduction}\n${lines.join("\n")}\n`;
}

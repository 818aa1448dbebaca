import { createDevice, type Device, matmul, tensor } from "@x/tensor";
import type { BenchRow, BenchSuite } from "../bench-row";
import { compareCase, type TensorCase, type TensorPeer } from "../compare-cases";
import { importPeer } from "../peers";

interface PeerModule {
  openMatmulPeers(): Promise<TensorPeer[]>;
}

const sizes = [512, 1024];

/** Products of square float32 matrices: ours on one thread against peers and against our two. */
export const matmulSuite: BenchSuite = {
  name: "matmul",
  description: "float32 products against tfjs-wasm, onnxruntime-web and onnxruntime's native code",
  async run(options) {
    using one = await createDevice("wasm", { threads: 1 });
    using two = await createDevice("wasm", { threads: 2 });
    const { openMatmulPeers } = await importPeer<PeerModule>("matmul.mjs", options.log);
    const peers = [
      oursOn(one, "ours"),
      oursOn(two, "ours, 2 threads"),
      ...(await openMatmulPeers()),
    ];
    const rows: BenchRow[] = [];
    for (const size of sizes) {
      const request = squareCase(size);
      options.log(request.label);
      rows.push(...(await compareCase("matmul", request, peers, options)));
    }
    return rows;
  },
};

function squareCase(size: number): TensorCase {
  const shape = [size, size];
  const values = (factor: number) =>
    Float32Array.from({ length: size * size }, (_, index) => ((index * factor) % 101) / 101 - 0.5);
  return {
    label: `matmul ${size}³`,
    operation: "matmul",
    inputs: [
      { values: values(37), shape },
      { values: values(53), shape },
    ],
    outputs: [shape],
  };
}

function oursOn(device: Device, name: string): TensorPeer {
  return {
    name,
    prepare: async ({ inputs }) => {
      const operands = inputs.map(({ values, shape }) => tensor(values, shape, { device }));
      const [left, right] = operands;
      if (left === undefined || right === undefined) return undefined;
      return {
        run: () => matmul(left, right).dispose(),
        result: () => {
          using product = matmul(left, right);
          return Array.from(product.dataSync());
        },
        dispose: () => {
          for (const operand of operands) operand.dispose();
        },
      };
    },
  };
}

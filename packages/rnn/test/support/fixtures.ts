import { readFileSync } from "node:fs";

/** A safetensors file of float32 tensors, with its metadata. */
export interface Fixture {
  readonly tensors: ReadonlyMap<string, { readonly shape: number[]; readonly data: Float32Array }>;
  readonly metadata: Readonly<Record<string, string>>;
}

export function readFixture(name: string): Fixture {
  const file = readFileSync(new URL(`../fixtures/${name}.safetensors`, import.meta.url));
  const headerLength = Number(file.readBigUInt64LE(0));
  const { __metadata__: metadata, ...entries } = JSON.parse(
    file.toString("utf8", 8, 8 + headerLength),
  );
  const tensors = new Map<string, { shape: number[]; data: Float32Array }>();
  for (const [key, value] of Object.entries(entries)) {
    const { shape, data_offsets: offsets } = value as {
      shape: number[];
      data_offsets: [number, number];
    };
    const bytes = file.subarray(8 + headerLength + offsets[0], 8 + headerLength + offsets[1]);
    tensors.set(key, { shape, data: new Float32Array(new Uint8Array(bytes).buffer) });
  }
  return { tensors, metadata };
}

/** The values of `fill` in `tools/oracles/recurrent_layers.py`. */
export function fillValues(count: number, seed: number, scale = 0.5): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => {
    let x = (Math.imul(index, 2654435761) + seed * 40503 + 12345) >>> 0;
    x = Math.imul(x ^ (x >>> 15), 2246822519) >>> 0;
    x ^= x >>> 13;
    return (((x >>> 8) / 2 ** 24) * 2 - 1) * scale;
  });
}

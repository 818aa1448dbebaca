import { readFileSync } from "node:fs";

/** A tensor of a fixture file. */
interface FixtureTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array | Uint8Array;
}

/** The tensors and the metadata of a safetensors file. */
export interface FixtureFile {
  readonly metadata: Readonly<Record<string, string>>;
  tensor(name: string): FixtureTensor;
}

/** Reads a safetensors file that holds F32, I32 and U8. */
export function readSafetensors(path: URL): FixtureFile {
  const file = readFileSync(path);
  const headerLength = Number(file.readBigUInt64LE(0));
  const { __metadata__: metadata = {}, ...entries } = JSON.parse(
    file.toString("utf8", 8, 8 + headerLength),
  );
  return {
    metadata,
    tensor(entryName) {
      const { dtype, shape, data_offsets: offsets } = entries[entryName];
      const [start, end] = offsets.map((offset: number) => 8 + headerLength + offset);
      const { buffer } = new Uint8Array(file.subarray(start, end));
      if (dtype === "F32") return { shape, values: new Float32Array(buffer) };
      if (dtype === "I32") return { shape, values: new Int32Array(buffer) };
      return { shape, values: new Uint8Array(buffer) };
    },
  };
}

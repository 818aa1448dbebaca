/** A tensor of a fixture file. */
interface FixtureTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array | Uint8Array;
}

/** The tensors and the metadata of a safetensors file. */
export interface FixtureFile {
  readonly metadata: Readonly<Record<string, string>>;
  /** The names of all tensors. */
  readonly names: readonly string[];
  tensor(name: string): FixtureTensor;
}

/** Parses a safetensors file that holds F32, I32 and U8. */
export function parseSafetensors(file: Uint8Array): FixtureFile {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const headerLength = Number(view.getBigUint64(0, true));
  const header = new TextDecoder().decode(file.subarray(8, 8 + headerLength));
  const { __metadata__: metadata = {}, ...entries } = JSON.parse(header);
  return {
    metadata,
    names: Object.keys(entries),
    tensor(name) {
      const { dtype, shape, data_offsets: offsets } = entries[name];
      const [start, end] = offsets.map((offset: number) => 8 + headerLength + offset);
      const { buffer } = new Uint8Array(file.subarray(start, end));
      if (dtype === "F32") return { shape, values: new Float32Array(buffer) };
      if (dtype === "I32") return { shape, values: new Int32Array(buffer) };
      return { shape, values: new Uint8Array(buffer) };
    },
  };
}

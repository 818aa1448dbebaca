import { readFileSync } from "node:fs";

/** The float32 tensors of a safetensors file, by name. */
export function readSafetensors(path: URL): ReadonlyMap<string, Float32Array> {
  const file = readFileSync(path);
  const headerLength = Number(file.readBigUInt64LE(0));
  const header: Record<string, { dtype: string; data_offsets: [number, number] }> = JSON.parse(
    file.toString("utf8", 8, 8 + headerLength),
  );
  const tensors = new Map<string, Float32Array>();
  for (const [name, { dtype, data_offsets: offsets }] of Object.entries(header)) {
    if (dtype !== "F32") continue;
    const [start, end] = offsets.map((offset) => 8 + headerLength + offset);
    tensors.set(name, new Float32Array(new Uint8Array(file.subarray(start, end)).buffer));
  }
  return tensors;
}

import { fingerprint } from "@x/kvcache";
import type { CausalLMConfig } from "../causal-lm";
import type { GgufFile } from "./read-gguf";

/** Bytes of each tensor that count. */
const sampleBytes = 256;

/**
 * Tells a checkpoint from others: its settings, the names, shapes and types of its tensors, and the
 * first bytes of each. Another training run or another quantization changes them all.
 *
 * @returns 32 hexadecimal digits.
 */
export async function fingerprintGguf(
  { tensors, source }: GgufFile,
  config: CausalLMConfig,
  signal?: AbortSignal,
): Promise<string> {
  const infos = [...tensors.values()];
  const table = infos.map(({ name, shape, type }) => [name, shape, type]);
  const settings = new TextEncoder().encode(JSON.stringify([config, table]));
  const samples = await Promise.all(
    infos.map(async ({ offset, byteLength }) => {
      const sample = new Uint8Array(Math.min(sampleBytes, byteLength));
      await source.read(offset, sample, signal);
      return sample;
    }),
  );
  return fingerprint([settings, ...samples]);
}

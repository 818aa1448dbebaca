import { GgufError } from "../errors";
import type { ByteSource } from "./byte-source";
import { HeaderCursor } from "./header-cursor";
import { GgufMetadata } from "./metadata";
import { readMetadata } from "./read-metadata";
import { type GgufTensorInfo, readTensorInfos } from "./read-tensor-infos";

export type { GgufTensorInfo };

/** The header of a GGUF file; tensor data stay in `source`. */
export interface GgufFile {
  /** Format version. */
  readonly version: 2 | 3;
  /** Key/value pairs: architecture, sizes, vocabulary. */
  readonly metadata: GgufMetadata;
  /** Tensors by name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, GgufTensorInfo>;
  /** Where the tensor data are read from. The caller closes it. */
  readonly source: ByteSource;
  /** Bytes that every tensor's offset is a multiple of. */
  readonly alignment: number;
}

/** Options of {@link readGguf}. */
export interface ReadGgufOptions {
  /** Gives up early: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const magic = 0x46554747; // "GGUF", little-endian
const defaultAlignment = 32;

/**
 * Reads and checks the header of a GGUF file, version 2 or 3, little-endian. Every count, length
 * and offset is checked against the file's size before it is used, so that a damaged or hostile
 * file gives an error and no large allocation. Tensor data are not read.
 *
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 *
 * @param source - The file. It stays open.
 * @returns Metadata and the place of each tensor.
 * @throws {GgufError} when the file is not GGUF, of another version, truncated or inconsistent.
 * @throws {ModelFileError} when the source cannot be read.
 *
 * @example
 * ```ts
 * const file = await readGguf(byteSourceFromBuffer(bytes, "model.gguf"));
 * const info = file.tensors.get("token_embd.weight");
 * // { shape: [49152, 576], type: "Q8_0", offset: 1785664, byteLength: 30081024, … }
 * ```
 */
export async function readGguf(
  source: ByteSource,
  options: ReadGgufOptions = {},
): Promise<GgufFile> {
  const cursor = new HeaderCursor(source, options.signal);
  const version = await readVersion(cursor, source.name);
  const tensorCount = await cursor.uint64({ name: "tensor_count" });
  const pairCount = await cursor.uint64({ name: "metadata_kv_count" });
  const metadata = new GgufMetadata(await readMetadata(cursor, pairCount), source.name);
  const alignment = alignmentOf(metadata, source.name);
  const tensors = await readTensorInfos(cursor, tensorCount, alignment, source);
  return { version, metadata, tensors, source, alignment };
}

async function readVersion(cursor: HeaderCursor, name: string): Promise<2 | 3> {
  const found = await cursor.uint32({ name: "magic" });
  if (found !== magic) {
    const hex = found.toString(16).padStart(8, "0");
    throw new GgufError(
      `${name}: the file starts with 0x${hex}, not with "GGUF" (0x${magic.toString(16)}); use a GGUF file`,
      { magic: found },
    );
  }
  const version = await cursor.uint32({ name: "version" });
  if (version === 2 || version === 3) {
    return version;
  }
  const details = { version };
  if (version !== 0 && (version & 0xffff) === 0) {
    throw new GgufError(
      `${name}: the file is big-endian; convert it to little-endian, which is all that is read`,
      details,
    );
  }
  throw new GgufError(
    `${name}: the GGUF version is ${version}, 2 and 3 are supported; convert the file`,
    details,
  );
}

function alignmentOf(metadata: GgufMetadata, name: string): number {
  const key = "general.alignment";
  const alignment = metadata.getNumber(key, defaultAlignment);
  const isPowerOfTwo = Number.isInteger(Math.log2(alignment));
  if (!isPowerOfTwo || alignment < 8 || alignment > 2 ** 31) {
    throw new GgufError(
      `${name}: "${key}" is ${alignment}, it must be a power of two from 8 to 2^31; the file is damaged: get it again`,
      { key, alignment },
    );
  }
  return alignment;
}

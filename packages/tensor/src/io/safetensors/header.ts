import { formatShape, type Shape } from "../../shape";
import { type ByteSource, readRange } from "../byte-source";
import { SafetensorsError } from "../errors";
import { isSafetensorsDType, type SafetensorsDType, safetensorsByteLength } from "./dtypes";
import { HeaderCursor } from "./header-cursor";

/** Bytes before the header: its length, as an unsigned 64-bit number. */
export const lengthBytes = 8;

/** The format's own limit. */
export const maximumHeaderBytes = 100_000_000;

/** The one name that is not a tensor's. */
export const metadataName = "__metadata__";

/** A tensor of a file, before it is read. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: SafetensorsDType;
  readonly shape: Shape;
  /** Where its bytes start, from the start of the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** Everything in a file but the elements. */
export interface SafetensorsHeader {
  readonly metadata: ReadonlyMap<string, string>;
  /** By name, in the order of the bytes. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
}

/**
 * Reads a header and checks it against the size of the file: after this, every entry's bytes exist,
 * belong to it alone, and are as many as its dtype and shape need. The rules are those of the
 * [format](https://github.com/huggingface/safetensors#format), which leaves no byte unused.
 *
 * @throws {SafetensorsError} when anything is out of place.
 */
export async function readHeader(
  source: ByteSource,
  signal?: AbortSignal,
): Promise<SafetensorsHeader> {
  const { name, size } = source;
  const length = size < lengthBytes ? 0n : await readLength(source, signal);
  if (length < 2n || length > BigInt(Math.min(maximumHeaderBytes, size - lengthBytes))) {
    throw new SafetensorsError(
      `${name}: a header of ${length} bytes does not fit into ${size} bytes, or exceeds 100 MB; the file is cut or not in this format`,
      { name, headerBytes: `${length}`, size },
    );
  }
  const headerBytes = Number(length);
  const text = decode(name, await readRange(source, lengthBytes, headerBytes, signal));
  const { metadata, entries } = parse(name, text, lengthBytes + headerBytes);
  return { metadata, entries: inOrder(source, entries, lengthBytes + headerBytes) };
}

async function readLength(source: ByteSource, signal?: AbortSignal): Promise<bigint> {
  const { buffer } = await readRange(source, 0, lengthBytes, signal);
  return new DataView(buffer).getBigUint64(0, true);
}

function decode(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    const message = `${name}: the header is not UTF-8; the file is damaged or not in this format`;
    throw new SafetensorsError(message, { name }, { cause });
  }
}

/** @param dataOffset - Where the offsets of the header start to count. */
function parse(
  name: string,
  text: string,
  dataOffset: number,
): { metadata: Map<string, string>; entries: SafetensorsEntry[] } {
  const cursor = new HeaderCursor(name, text);
  const metadata = new Map<string, string>();
  const entries: SafetensorsEntry[] = [];
  if (!text.startsWith("{")) throw cursor.failure('it does not start with "{"');
  cursor.object((key) => {
    if (key === metadataName) cursor.object((entry) => metadata.set(entry, cursor.string()));
    else entries.push(parseEntry(cursor, key, dataOffset));
  });
  cursor.end();
  return { metadata, entries };
}

function parseEntry(cursor: HeaderCursor, name: string, dataOffset: number): SafetensorsEntry {
  let dtype: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  cursor.object((field) => {
    if (field === "dtype") dtype = cursor.string();
    else if (field === "shape") shape = cursor.integers();
    else if (field === "data_offsets") offsets = cursor.integers();
    else throw cursor.failure(`tensor ${quote(name)} has the unknown field ${quote(field)}`);
  });
  const [start, end, ...more] = offsets ?? [];
  if (dtype === undefined || shape === undefined || end === undefined || more.length > 0) {
    throw cursor.failure(`tensor ${quote(name)} needs a dtype, a shape and two data_offsets`);
  }
  if (!isSafetensorsDType(dtype)) {
    throw cursor.failure(`tensor ${quote(name)} has the unknown dtype ${quote(dtype)}`);
  }
  const first = start ?? 0;
  const byteLength = safetensorsByteLength(dtype, shape);
  if (byteLength !== end - first) {
    const problem = `tensor ${quote(name)}, ${dtype} ${formatShape(shape)}, does not take the bytes ${first} to ${end}`;
    throw cursor.failure(problem);
  }
  return { name, dtype, shape, byteOffset: dataOffset + first, byteLength };
}

/** The entries in the order of their bytes, which must follow each other to the end of the file. */
function inOrder(
  { name, size }: ByteSource,
  entries: readonly SafetensorsEntry[],
  dataOffset: number,
): Map<string, SafetensorsEntry> {
  const sorted = [...entries].sort(
    (left, right) => left.byteOffset - right.byteOffset || left.byteLength - right.byteLength,
  );
  let end = dataOffset;
  for (const entry of sorted) {
    if (entry.byteOffset !== end) {
      const problem = entry.byteOffset < end ? "overlaps another" : "leaves a gap before it";
      throw new SafetensorsError(
        `${name}: tensor ${quote(entry.name)} ${problem}; the file is damaged`,
        { name, tensor: entry.name, byteOffset: entry.byteOffset, expected: end },
      );
    }
    end += entry.byteLength;
  }
  if (end !== size) {
    throw new SafetensorsError(
      `${name}: the tensors end at byte ${end}, but the file has ${size}; fetch it again`,
      { name, end, size },
    );
  }
  return new Map(sorted.map((entry) => [entry.name, entry]));
}

/** A name in an error: quoted, and not longer than a line. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}

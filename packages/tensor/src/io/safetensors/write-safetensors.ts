import type { DType } from "../../dtype";
import { DTypeError, LimitError } from "../../errors";
import type { Tensor } from "../../tensor";
import { SafetensorsError } from "../errors";
import { compareAlignment, type SafetensorsDType, safetensorsByteLength } from "./dtypes";
import { lengthBytes, maximumHeaderBytes, metadataName, quote } from "./header";

/** Named values: a plain object or a `Map`. */
export type Named<Value> = Readonly<Record<string, Value>> | ReadonlyMap<string, Value>;

/** What goes into a file beside the tensors. */
export interface WriteSafetensorsOptions {
  /** Free text by name. */
  readonly metadata?: Named<string>;
  /** Gives up early: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const fileDTypes: Partial<Record<DType, SafetensorsDType>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  int32: "I32",
  bool: "BOOL",
};

interface PlannedTensor {
  readonly name: string;
  readonly tensor: Tensor;
  readonly dtype: SafetensorsDType;
  readonly byteLength: number;
}

/**
 * The bytes of a safetensors file with the given tensors, laid out as the reference implementation
 * does: wide dtypes first, then by name, the header padded to 8 bytes.
 *
 * @param tensors - By name. Views are written in row-major order.
 * @throws {DTypeError} when a dtype is not one of the format: q4_0, q4_1 and q8_0.
 * @throws {SafetensorsError} when a name or the metadata cannot be written.
 *
 * @example
 * ```ts
 * const bytes = await writeSafetensors({ weight, bias }, { metadata: { format: "x" } });
 * ```
 */
export async function writeSafetensors(
  tensors: Named<Tensor>,
  options: WriteSafetensorsOptions = {},
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of safetensorsChunks(tensors, options)) chunks.push(chunk);
  const result = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let position = 0;
  for (const chunk of chunks) {
    result.set(chunk, position);
    position += chunk.length;
  }
  return result;
}

/**
 * As {@link writeSafetensors}, piece by piece: the header, then each tensor as it is read from its
 * device. No more than one tensor is held at a time.
 */
export async function* safetensorsChunks(
  tensors: Named<Tensor>,
  { metadata = {}, signal }: WriteSafetensorsOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  signal?.throwIfAborted();
  const plan = entriesOf(tensors).map(([name, tensor]) => planTensor(name, tensor));
  plan.sort(
    (left, right) =>
      compareAlignment(left.dtype, right.dtype) || compareCodePoints(left.name, right.name),
  );
  yield encodeHeader(plan, entriesOf(metadata));
  for (const { tensor } of plan) {
    signal?.throwIfAborted();
    const { buffer, byteOffset, byteLength } = await tensor.data();
    yield new Uint8Array(buffer, byteOffset, byteLength);
  }
}

function entriesOf<Value>(named: Named<Value>): [string, Value][] {
  return named instanceof Map ? [...named] : Object.entries(named);
}

function planTensor(name: string, tensor: Tensor): PlannedTensor {
  if (name === metadataName) {
    throw new SafetensorsError(`the name ${metadataName} is the format's own; choose another`);
  }
  assertText(name);
  const dtype = fileDTypes[tensor.dtype];
  const byteLength = dtype && safetensorsByteLength(dtype, tensor.shape);
  if (dtype === undefined || byteLength === undefined) {
    throw new DTypeError(
      `tensor ${quote(name)} is ${tensor.dtype}, which safetensors files do not hold; cast it, or keep it in its own format`,
      { tensor: name, dtype: tensor.dtype },
    );
  }
  return { name, tensor, dtype, byteLength };
}

function encodeHeader(
  plan: readonly PlannedTensor[],
  metadata: readonly [string, string][],
): Uint8Array {
  const fields: string[] = [];
  if (metadata.length > 0) fields.push(`"${metadataName}":{${metadata.map(encodePair).join()}}`);
  let end = 0;
  for (const { name, dtype, tensor, byteLength } of plan) {
    const offsets = [end, end + byteLength];
    end += byteLength;
    const entry = JSON.stringify({ dtype, shape: tensor.shape, data_offsets: offsets });
    fields.push(`${JSON.stringify(name)}:${entry}`);
  }
  const text = new TextEncoder().encode(`{${fields.join()}}`);
  const headerBytes = Math.ceil(text.length / lengthBytes) * lengthBytes;
  if (headerBytes > maximumHeaderBytes) {
    throw new LimitError(
      `a header of ${headerBytes} bytes exceeds the format's 100 MB; write less metadata or several files`,
      { headerBytes },
    );
  }
  const result = new Uint8Array(lengthBytes + headerBytes).fill(0x20);
  new DataView(result.buffer).setBigUint64(0, BigInt(headerBytes), true);
  result.set(text, lengthBytes);
  return result;
}

function encodePair([name, value]: [string, string]): string {
  assertText(name);
  assertText(value);
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}

/** @throws {SafetensorsError} unless `text` is a string that UTF-8 can hold. */
function assertText(text: unknown): void {
  if (typeof text === "string" && !/\p{Surrogate}/u.test(text)) return;
  throw new SafetensorsError(
    `${quote(String(text))} is not text that UTF-8 can hold; names and metadata must be strings of whole characters`,
    { text },
  );
}

/** By the bytes of UTF-8, which are in the order of the code points; `<` compares UTF-16 halves. */
function compareCodePoints(left: string, right: string): number {
  const leftPoints = Array.from(left, (character) => character.codePointAt(0) ?? 0);
  const rightPoints = Array.from(right, (character) => character.codePointAt(0) ?? 0);
  const at = leftPoints.findIndex((point, index) => point !== rightPoints[index]);
  if (at === -1) return leftPoints.length - rightPoints.length;
  return (leftPoints[at] ?? 0) - (rightPoints[at] ?? -1);
}

import { WeightsError } from "../errors";

/** Numbers in row-major order, on the host. */
export interface WeightArray {
  /** Outermost first. */
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A safetensors file: float32 tensors and free text. */
export interface SafetensorsFile {
  readonly tensors: Readonly<Record<string, WeightArray>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A header beyond this is damage, not data. */
const longestHeader = 100 * 2 ** 20;

/**
 * Reads a safetensors file, such as PyTorch users write with `save_file(layer.state_dict(), path)`.
 *
 * @param bytes - The whole file. Every offset is checked against its size.
 * @throws {WeightsError} when the file is damaged or holds a type other than F32 or F64, which is
 * rounded.
 */
export function readSafetensors(bytes: Uint8Array): SafetensorsFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = bytes.byteLength < 8 ? 0 : Number(view.getBigUint64(0, true));
  if (headerLength === 0 || headerLength > longestHeader || 8 + headerLength > bytes.byteLength) {
    throw new WeightsError("safetensors: the header does not fit the file; fetch it again", {
      headerLength,
      byteLength: bytes.byteLength,
    });
  }
  const { __metadata__: metadata = {}, ...entries } = parseHeader(
    bytes.subarray(8, 8 + headerLength),
  );
  const body = bytes.subarray(8 + headerLength);
  const tensors: Record<string, WeightArray> = {};
  for (const [name, entry] of Object.entries(entries)) tensors[name] = readEntry(name, entry, body);
  return { tensors, metadata: metadata as Record<string, string> };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  try {
    const header: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof header === "object" && header !== null) return header as Record<string, unknown>;
  } catch (cause) {
    throw new WeightsError(
      "safetensors: the header is not JSON; fetch the file again",
      {},
      { cause },
    );
  }
  throw new WeightsError("safetensors: the header is not an object; fetch the file again");
}

function readEntry(name: string, entry: unknown, body: Uint8Array): WeightArray {
  const { dtype, shape, data_offsets: offsets } = entry as Readonly<Record<string, unknown>>;
  const elementBytes = dtype === "F32" ? 4 : dtype === "F64" ? 8 : undefined;
  if (elementBytes === undefined) {
    throw new WeightsError(`safetensors: ${name} is ${String(dtype)}; save it as F32`, {
      name,
      dtype,
    });
  }
  const sizes = isIntegers(shape) ? shape : [];
  const [start = -1, end = -1] = isIntegers(offsets) ? offsets : [];
  const count = sizes.reduce((product, size) => product * size, 1);
  const fits = start >= 0 && end <= body.byteLength && end - start === count * elementBytes;
  if (!isIntegers(shape) || !fits) {
    throw new WeightsError(`safetensors: ${name} lies outside the file; fetch the file again`, {
      name,
      shape,
      offsets,
    });
  }
  const own = new Uint8Array(body.subarray(start, end)).buffer; // a Buffer's slice is no copy
  const data =
    elementBytes === 4 ? new Float32Array(own) : Float32Array.from(new Float64Array(own));
  return { shape: sizes, data };
}

function isIntegers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((one) => Number.isSafeInteger(one) && one >= 0);
}

/** The bytes of a safetensors file, which PyTorch's users read with `load_file(path)`. */
export function writeSafetensors({ tensors, metadata }: SafetensorsFile): Uint8Array<ArrayBuffer> {
  let offset = 0;
  const header: Record<string, unknown> = { __metadata__: metadata };
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const headerLength = Math.ceil(text.byteLength / 8) * 8; // data aligned to 8 bytes
  const bytes = new Uint8Array(8 + headerLength + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.fill(0x20, 8, 8 + headerLength);
  bytes.set(text, 8);
  let at = 8 + headerLength;
  for (const { data } of Object.values(tensors)) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

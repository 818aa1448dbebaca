import { type GgufTensorType, ggufTensorLayout } from "./tensor-type";

/** Numbers that a GGUF file gives the value types. */
const valueTypes: Readonly<Record<GgufScalarType | "array", number>> = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
};

/** A value type of GGUF that holds one value. */
export type GgufScalarType =
  | "uint8"
  | "int8"
  | "uint16"
  | "int16"
  | "uint32"
  | "int32"
  | "float32"
  | "bool"
  | "string"
  | "uint64"
  | "int64"
  | "float64";

/** A metadata value with the type that it is written as. */
export type GgufTyped =
  | { readonly type: GgufScalarType; readonly value: string | number | bigint | boolean }
  | {
      readonly type: "array";
      readonly elementType: GgufScalarType | "array";
      readonly values: readonly GgufTyped[];
    };

/** `value` as the scalar type `type`. */
export function scalar(type: GgufScalarType, value: string | number | bigint | boolean): GgufTyped {
  return { type, value };
}

/** An array of scalars of one type. */
export function array(
  elementType: GgufScalarType,
  values: Iterable<string | number | bigint | boolean>,
): GgufTyped {
  return {
    type: "array",
    elementType,
    values: Array.from(values, (value) => scalar(elementType, value)),
  };
}

/** An array of arrays. */
export function nested(values: readonly GgufTyped[]): GgufTyped {
  return { type: "array", elementType: "array", values };
}

/** A tensor to write. */
export interface GgufTensorInput {
  readonly name: string;
  /** Row-major, outermost first, as `GgufTensorInfo` has it. */
  readonly shape: readonly number[];
  readonly type: GgufTensorType;
  /** Bytes in the file's format; zeros when absent. */
  readonly data?: ArrayBufferView;
}

/** What goes into a GGUF file. */
export interface GgufInput {
  /** Of the format. Default 3. */
  readonly version?: number;
  /** Written as `general.alignment` unless it is the default of 32. */
  readonly alignment?: number;
  /** In the order in which they are written. */
  readonly metadata?: readonly (readonly [key: string, value: GgufTyped])[];
  /** In the order in which they are written. */
  readonly tensors?: readonly GgufTensorInput[];
}

/** The bytes of a GGUF file. Nothing is checked, so that broken files can be written too. */
export function writeGguf(input: GgufInput): Uint8Array {
  const { version = 3, alignment = 32, tensors = [] } = input;
  const metadata = [...(input.metadata ?? [])];
  if (alignment !== 32) {
    metadata.push(["general.alignment", scalar("uint32", alignment)]);
  }
  const writer = new ByteWriter();
  writer.raw(new TextEncoder().encode("GGUF"));
  writer.number("uint32", version);
  writer.number("uint64", tensors.length);
  writer.number("uint64", metadata.length);
  for (const [key, value] of metadata) {
    writer.string(key);
    writer.number("uint32", valueTypes[value.type]);
    writer.typed(value);
  }
  let dataOffset = 0;
  const payloads: Uint8Array[] = [];
  for (const { name, shape, type, data } of tensors) {
    const { id, blockSize, blockBytes } = ggufTensorLayout(type);
    const elements = shape.reduce((product, size) => product * size, 1);
    writer.string(name);
    writer.number("uint32", shape.length);
    for (const size of shape.toReversed()) {
      writer.number("uint64", size);
    }
    writer.number("uint32", id);
    writer.number("uint64", dataOffset);
    const payload =
      data === undefined
        ? new Uint8Array((elements / blockSize) * blockBytes)
        : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    payloads.push(payload);
    dataOffset += Math.ceil(payload.byteLength / alignment) * alignment;
  }
  for (const payload of payloads) {
    writer.align(alignment);
    writer.raw(payload);
  }
  return writer.bytes();
}

type GgufNumberType = Exclude<GgufScalarType, "string">;

const numberBytes: Readonly<Record<GgufNumberType, number>> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  uint64: 8,
  int64: 8,
  float64: 8,
};

type NumberWriter = (view: DataView, value: number | bigint | boolean) => void;

const numberWriters: Readonly<Record<GgufNumberType, NumberWriter>> = {
  uint8: (view, value) => view.setUint8(0, Number(value)),
  int8: (view, value) => view.setInt8(0, Number(value)),
  uint16: (view, value) => view.setUint16(0, Number(value), true),
  int16: (view, value) => view.setInt16(0, Number(value), true),
  uint32: (view, value) => view.setUint32(0, Number(value), true),
  int32: (view, value) => view.setInt32(0, Number(value), true),
  float32: (view, value) => view.setFloat32(0, Number(value), true),
  bool: (view, value) => view.setUint8(0, Number(value)),
  uint64: (view, value) => view.setBigUint64(0, BigInt(value), true),
  int64: (view, value) => view.setBigInt64(0, BigInt(value), true),
  float64: (view, value) => view.setFloat64(0, Number(value), true),
};

class ByteWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  raw(bytes: Uint8Array): void {
    const position = this.#grow(bytes.byteLength);
    this.#bytes.set(bytes, position);
  }

  align(alignment: number): void {
    this.#grow((alignment - (this.#length % alignment)) % alignment);
  }

  string(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.number("uint64", bytes.byteLength);
    this.raw(bytes);
  }

  typed(typed: GgufTyped): void {
    if (typed.type === "array") {
      this.number("uint32", valueTypes[typed.elementType]);
      this.number("uint64", typed.values.length);
      for (const value of typed.values) {
        this.typed(value);
      }
    } else if (typed.type === "string") {
      this.string(String(typed.value));
    } else {
      this.number(typed.type, typed.value as number | bigint | boolean);
    }
  }

  number(type: GgufNumberType, value: number | bigint | boolean): void {
    numberWriters[type](this.#view(numberBytes[type]), value);
  }

  #view(byteLength: number): DataView {
    const position = this.#grow(byteLength);
    return new DataView(this.#bytes.buffer, position, byteLength);
  }

  #grow(byteLength: number): number {
    const position = this.#length;
    this.#length += byteLength;
    if (this.#length > this.#bytes.byteLength) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return position;
  }
}

import type { GgufError } from "../errors";
import type { HeaderCursor, HeaderField } from "./header-cursor";
import type { GgufMetadataValue } from "./metadata";

/** `gguf_metadata_value_type` of the specification: what each number means. */
const stringType = 8;
const booleanType = 7;
const arrayType = 9;

/** Real files nest no deeper than 1; the bound keeps a hostile one from exhausting the stack. */
const deepestNesting = 4;
/** Limit of the specification. */
const longestKeyBytes = 65_535;

interface NumberFormat {
  readonly byteLength: number;
  readonly read: (view: DataView, position: number) => number | bigint;
  readonly array: (buffer: ArrayBuffer) => GgufMetadataValue;
}

/** Arrays are views of the file's little-endian bytes, the order of every JavaScript host. */
const numberFormats: ReadonlyMap<number, NumberFormat> = new Map([
  [
    0,
    format(
      1,
      (view, at) => view.getUint8(at),
      (buffer) => new Uint8Array(buffer),
    ),
  ],
  [
    1,
    format(
      1,
      (view, at) => view.getInt8(at),
      (buffer) => new Int8Array(buffer),
    ),
  ],
  [
    2,
    format(
      2,
      (view, at) => view.getUint16(at, true),
      (buffer) => new Uint16Array(buffer),
    ),
  ],
  [
    3,
    format(
      2,
      (view, at) => view.getInt16(at, true),
      (buffer) => new Int16Array(buffer),
    ),
  ],
  [
    4,
    format(
      4,
      (view, at) => view.getUint32(at, true),
      (buffer) => new Uint32Array(buffer),
    ),
  ],
  [
    5,
    format(
      4,
      (view, at) => view.getInt32(at, true),
      (buffer) => new Int32Array(buffer),
    ),
  ],
  [
    6,
    format(
      4,
      (view, at) => view.getFloat32(at, true),
      (buffer) => new Float32Array(buffer),
    ),
  ],
  [10, format(8, (view, at) => exact(view.getBigUint64(at, true)), unsignedArray)],
  [11, format(8, (view, at) => exact(view.getBigInt64(at, true)), signedArray)],
  [
    12,
    format(
      8,
      (view, at) => view.getFloat64(at, true),
      (buffer) => new Float64Array(buffer),
    ),
  ],
]);

/** Fewest bytes that one element takes in an array, by type. */
function smallestElement(type: number): number | undefined {
  switch (type) {
    case booleanType:
      return 1;
    case stringType:
      return 8;
    case arrayType:
      return 12;
    default:
      return numberFormats.get(type)?.byteLength;
  }
}

/** Fewest bytes of a pair: the length of an empty key, a type and a one-byte value. */
const smallestPair = 13;

/**
 * Reads `count` key/value pairs.
 *
 * @throws {GgufError} for a key twice, an unknown type, or a value that the file cannot hold.
 */
export async function readMetadata(
  cursor: HeaderCursor,
  count: number,
): Promise<Map<string, GgufMetadataValue>> {
  cursor.requireCount(count, smallestPair, { name: "metadata_kv_count" });
  const values = new Map<string, GgufMetadataValue>();
  for (let element = 0; element < count; element += 1) {
    const keyField = { name: "metadata_kv.key", element };
    const key = await cursor.string(keyField, longestKeyBytes);
    const field = { name: key };
    if (values.has(key)) {
      throw cursor.fail(field, "is there twice", { key });
    }
    const type = await cursor.uint32(field);
    values.set(key, await readValue(cursor, type, field, 0));
  }
  return values;
}

async function readValue(
  cursor: HeaderCursor,
  type: number,
  field: HeaderField,
  nesting: number,
): Promise<GgufMetadataValue> {
  switch (type) {
    case booleanType:
      return readBoolean(cursor, field);
    case stringType:
      return cursor.string(field);
    case arrayType:
      return readArray(cursor, field, nesting + 1);
    default: {
      const numberFormat = numberFormats.get(type);
      if (numberFormat === undefined) {
        throw unknownType(cursor, type, field);
      }
      return cursor.value(numberFormat.byteLength, field, numberFormat.read);
    }
  }
}

async function readArray(
  cursor: HeaderCursor,
  field: HeaderField,
  nesting: number,
): Promise<GgufMetadataValue> {
  if (nesting > deepestNesting) {
    throw cursor.fail(field, `nests arrays more than ${deepestNesting} deep`, { nesting });
  }
  const type = await cursor.uint32(field);
  const smallest = smallestElement(type);
  if (smallest === undefined) {
    throw unknownType(cursor, type, field);
  }
  const count = await cursor.uint64(field);
  cursor.requireCount(count, smallest, field);
  const numberFormat = numberFormats.get(type);
  if (numberFormat !== undefined) {
    const bytes = new Uint8Array(count * smallest);
    await cursor.bytes(bytes, field);
    return numberFormat.array(bytes.buffer);
  }
  if (type === stringType) {
    return cursor.strings(count, field.name);
  }
  if (type === booleanType) {
    const values: boolean[] = [];
    for (let element = 0; element < count; element += 1) {
      values.push(await readBoolean(cursor, { name: field.name, element }));
    }
    return values;
  }
  const values: GgufMetadataValue[] = [];
  for (let element = 0; element < count; element += 1) {
    values.push(await readArray(cursor, { name: field.name, element }, nesting + 1));
  }
  return values;
}

async function readBoolean(cursor: HeaderCursor, field: HeaderField): Promise<boolean> {
  const byte = await cursor.value(1, field, (view, at) => view.getUint8(at));
  if (byte > 1) {
    throw cursor.fail(field, `is ${byte}, a boolean is 0 or 1`, { value: byte });
  }
  return byte === 1;
}

function unknownType(cursor: HeaderCursor, type: number, field: HeaderField): GgufError {
  return cursor.fail(field, `has the value type ${type}, known are 0 to 12`, { type });
}

function format(
  byteLength: number,
  read: NumberFormat["read"],
  array: NumberFormat["array"],
): NumberFormat {
  return { byteLength, read, array };
}

function exact(value: bigint): number | bigint {
  const rounded = Number(value);
  return Number.isSafeInteger(rounded) ? rounded : value;
}

function unsignedArray(buffer: ArrayBuffer): GgufMetadataValue {
  return exactArray(new BigUint64Array(buffer));
}

function signedArray(buffer: ArrayBuffer): GgufMetadataValue {
  return exactArray(new BigInt64Array(buffer));
}

function exactArray(values: BigUint64Array | BigInt64Array): GgufMetadataValue {
  const rounded = Float64Array.from(values, Number);
  return rounded.every(Number.isSafeInteger) ? rounded : values;
}

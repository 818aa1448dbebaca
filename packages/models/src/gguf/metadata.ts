import { GgufError } from "../errors";
import { quote } from "./quote";

/** Arrays of numbers, as compact as the file holds them. */
export type GgufNumberArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

/**
 * A metadata value. 64-bit integers are numbers where a number holds them exactly, else bigints;
 * arrays of 64-bit integers likewise.
 */
export type GgufMetadataValue =
  | string
  | number
  | bigint
  | boolean
  | GgufNumberArray
  | BigInt64Array
  | BigUint64Array
  | readonly string[]
  | readonly boolean[]
  | readonly GgufMetadataValue[];

/**
 * The key/value pairs of a GGUF file, with a getter per type. A getter throws when its key is
 * missing and no default was given, and when the value has another type: a default never hides a
 * damaged value.
 *
 * @example
 * ```ts
 * const { metadata } = await readGguf(source);
 * metadata.getNumber("llama.block_count"); // 30
 * metadata.getNumber("llama.rope.freq_base", 10_000);
 * metadata.has("tokenizer.chat_template") && metadata.getString("tokenizer.chat_template");
 * ```
 */
export class GgufMetadata {
  readonly #values: ReadonlyMap<string, GgufMetadataValue>;
  readonly #sourceName: string;

  /**
   * @param values - Key and value of each pair.
   * @param sourceName - What errors call the file.
   */
  constructor(values: Iterable<readonly [string, GgufMetadataValue]>, sourceName = "metadata") {
    this.#values = new Map(values);
    this.#sourceName = sourceName;
  }

  /** Number of pairs. */
  get size(): number {
    return this.#values.size;
  }

  /** Keys in the order of the file. */
  keys(): IterableIterator<string> {
    return this.#values.keys();
  }

  /** Whether `key` is present. */
  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** The value of any type; `undefined` when `key` is missing. */
  get(key: string): GgufMetadataValue | undefined {
    return this.#values.get(key);
  }

  /**
   * A string.
   *
   * @param fallback - Returned when `key` is missing; without one that throws.
   * @throws {GgufError} when the key is missing or holds another type.
   */
  getString(key: string, fallback?: string): string {
    return this.#typed(key, "a string", isString, fallback);
  }

  /**
   * A number: any integer type up to 2^53, or a float.
   *
   * @param fallback - Returned when `key` is missing; without one that throws.
   * @throws {GgufError} when the key is missing or holds another type.
   */
  getNumber(key: string, fallback?: number): number {
    return this.#typed(key, "a number up to 2^53", isNumber, fallback);
  }

  /**
   * A boolean.
   *
   * @param fallback - Returned when `key` is missing; without one that throws.
   * @throws {GgufError} when the key is missing or holds another type.
   */
  getBoolean(key: string, fallback?: boolean): boolean {
    return this.#typed(key, "a boolean", isBoolean, fallback);
  }

  /**
   * An array of strings.
   *
   * @param fallback - Returned when `key` is missing; without one that throws.
   * @throws {GgufError} when the key is missing or holds another type.
   */
  getStringArray(key: string, fallback?: readonly string[]): readonly string[] {
    return this.#typed(key, "an array of strings", isStringArray, fallback);
  }

  /**
   * An array of numbers.
   *
   * @param fallback - Returned when `key` is missing; without one that throws.
   * @throws {GgufError} when the key is missing or holds another type.
   */
  getNumberArray(key: string, fallback?: GgufNumberArray): GgufNumberArray {
    return this.#typed(key, "an array of numbers up to 2^53", isNumberArray, fallback);
  }

  #typed<Value extends GgufMetadataValue>(
    key: string,
    expected: string,
    matches: (value: GgufMetadataValue) => value is Value,
    fallback: Value | undefined,
  ): Value {
    const value = this.#values.get(key);
    if (value === undefined) {
      if (fallback === undefined) {
        throw new GgufError(
          `${this.#sourceName}: the metadata have no ${quote(key)}; use a file that has it`,
          { key },
        );
      }
      return fallback;
    }
    if (!matches(value)) {
      throw new GgufError(
        `${this.#sourceName}: the metadata key ${quote(key)} holds ${describe(value)}, not ${expected}; use a file that follows the specification`,
        { key, value },
      );
    }
    return value;
  }
}

function isString(value: GgufMetadataValue): value is string {
  return typeof value === "string";
}

function isNumber(value: GgufMetadataValue): value is number {
  return typeof value === "number";
}

function isBoolean(value: GgufMetadataValue): value is boolean {
  return typeof value === "boolean";
}

function isStringArray(value: GgufMetadataValue): value is readonly string[] {
  return Array.isArray(value) && value.every((element) => typeof element === "string");
}

function isNumberArray(value: GgufMetadataValue): value is GgufNumberArray {
  return (
    ArrayBuffer.isView(value) &&
    !(value instanceof BigInt64Array) &&
    !(value instanceof BigUint64Array)
  );
}

function describe(value: GgufMetadataValue): string {
  if (typeof value === "string") {
    return `the string ${quote(value)}`;
  }
  if (typeof value === "object") {
    const element = ArrayBuffer.isView(value) ? "number" : typeof (value[0] ?? "value");
    return `an array of ${value.length} ${element}s`;
  }
  return `the ${typeof value} ${value}`;
}

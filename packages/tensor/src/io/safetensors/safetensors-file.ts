import type { Device, DeviceName } from "../../device/device";
import { resolveDevice } from "../../device/live-devices";
import { Tensor } from "../../tensor";
import { type ByteSource, readRange, sourceFromBlob, sourceFromBytes } from "../byte-source";
import { SafetensorsError } from "../errors";
import { sourceFromUrl, type UrlOptions } from "../url-source";
import { decodeEntry } from "./decode";
import { quote, readHeader, type SafetensorsEntry, type SafetensorsHeader } from "./header";

/** Where and how {@link SafetensorsFile.read} makes a tensor. */
export interface ReadTensorOptions {
  /**
   * A device, or the name of one that `init()` made. Default: the device that `init()` chose.
   */
  readonly device?: Device | DeviceName;
  /**
   * Rounds F64 elements to the nearest float32. Default `false`: they are refused unless exact.
   */
  readonly allowRounding?: boolean;
  /** Gives up early: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What {@link openSafetensors} opens: an address, a `Blob` or `File`, bytes, or a source of them. */
export type SafetensorsSource = string | URL | Blob | ArrayBuffer | Uint8Array | ByteSource;

/**
 * A safetensors file: names, shapes, dtypes and metadata are known, elements are read when asked for.
 *
 * Made by {@link openSafetensors}. It holds nothing open.
 */
export class SafetensorsFile {
  /** Free text by name, such as `format`. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Names of the tensors, in the order of their bytes. */
  readonly names: readonly string[];
  readonly #source: ByteSource;
  readonly #entries: ReadonlyMap<string, SafetensorsEntry>;

  /** @internal */
  constructor(source: ByteSource, { metadata, entries }: SafetensorsHeader) {
    this.#source = source;
    this.#entries = entries;
    this.metadata = metadata;
    this.names = [...entries.keys()];
  }

  /** Whether the file has a tensor of that name. */
  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /**
   * Dtype, shape and place of a tensor.
   *
   * @throws {SafetensorsError} when there is none of that name.
   */
  entry(name: string): SafetensorsEntry {
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    throw new SafetensorsError(
      `${this.#source.name} has no tensor ${quote(name)}; it has ${this.#someNames()}`,
      { name: this.#source.name, tensor: name },
    );
  }

  /**
   * Reads one tensor, and only its bytes.
   *
   * F16, BF16 and BOOL become float16, bfloat16 and bool, F32 and F64 float32, integers int32.
   * Nothing is rounded, unless `allowRounding` says so.
   *
   * @throws {SafetensorsError} when there is none of that name.
   * @throws {DTypeError} when no dtype of a tensor holds its elements: take {@link readBytes}.
   * @throws {OutOfRangeError} when an element does not fit.
   * @throws {DataSourceError} when the bytes cannot be read.
   */
  async read(
    name: string,
    { device: where, allowRounding = false, signal }: ReadTensorOptions = {},
  ): Promise<Tensor> {
    const device = resolveDevice(where);
    const entry = this.entry(name);
    const bytes = await this.#read(entry, signal);
    const { dtype, values } = decodeEntry(entry, bytes, allowRounding);
    device.assertUsable();
    return Tensor.from(device, dtype, entry.shape, values);
  }

  /**
   * The bytes of one tensor as they lie in the file, little-endian: for dtypes that tensors lack.
   *
   * @throws {SafetensorsError} when there is none of that name.
   */
  async readBytes(
    name: string,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Uint8Array> {
    return this.#read(this.entry(name), signal);
  }

  #read({ byteOffset, byteLength }: SafetensorsEntry, signal?: AbortSignal) {
    return readRange(this.#source, byteOffset, byteLength, signal);
  }

  #someNames(): string {
    const shown = this.names.slice(0, 5).map(quote).join(", ");
    if (this.names.length === 0) return "none";
    return this.names.length > 5 ? `${shown} and ${this.names.length - 5} more` : shown;
  }
}

/**
 * Opens a file in the [safetensors](https://github.com/huggingface/safetensors#format) format and
 * reads its header. Every length and offset is checked against the size of the file first.
 *
 * @param source - A URL, read by range requests; a `Blob` or `File`; the file's bytes; or a
 * {@link ByteSource}. `@x/tensor/node` opens paths too.
 * @param options - How a URL is requested, and when to give up.
 * @throws {SafetensorsError} when the file is malformed, truncated or inconsistent.
 * @throws {DataSourceError} when the source cannot be read.
 *
 * @example
 * ```ts
 * const file = await openSafetensors("https://example.org/model.safetensors");
 * console.log(file.names, file.entry("embed.weight").shape);
 * using weight = await file.read("embed.weight", { device });
 * ```
 */
export async function openSafetensors(
  source: SafetensorsSource,
  options: UrlOptions = {},
): Promise<SafetensorsFile> {
  options.signal?.throwIfAborted();
  const bytes = await byteSourceOf(source, options);
  return new SafetensorsFile(bytes, await readHeader(bytes, options.signal));
}

function byteSourceOf(
  source: SafetensorsSource,
  options: UrlOptions,
): ByteSource | Promise<ByteSource> {
  if (typeof source === "string" || source instanceof URL) return sourceFromUrl(source, options);
  if (source instanceof Blob) return sourceFromBlob(source);
  if (source instanceof ArrayBuffer) return sourceFromBytes(new Uint8Array(source));
  if (source instanceof Uint8Array) return sourceFromBytes(source);
  return source;
}

import { GgufError } from "../errors";
import type { ByteSource } from "./byte-source";
import { quote } from "./quote";
import { shortText } from "./short-text";

/** Size of the first read; each further read doubles it. */
const firstWindowBytes = 64 * 1024;
const largestWindowBytes = 1024 * 1024;
/** A header is vocabulary and names: a few megabytes. A length in it cannot ask for more than this. */
const headerLimitBytes = 256 * 1024 * 1024;

/** Where in the header a value lies, for errors: a field and, in an array, the element. */
export interface HeaderField {
  readonly name: string;
  readonly element?: number;
}

/**
 * Reads the header of a file front to back through a window that grows. Every length is checked
 * against the bytes that are left before anything is read or allocated.
 */
export class HeaderCursor {
  readonly #source: ByteSource;
  readonly #signal: AbortSignal | undefined;
  readonly #end: number;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  /** Position in the file of the window's first byte. */
  #start = 0;
  /** Position of the next value in the window. */
  #position = 0;
  #nextWindowBytes = firstWindowBytes;

  constructor(source: ByteSource, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#signal = signal;
    this.#end = Math.min(source.size, headerLimitBytes);
  }

  /** Bytes from the start of the file to the next value. */
  get offset(): number {
    return this.#start + this.#position;
  }

  /** Bytes from the next value to the end of what a header may fill. */
  get remaining(): number {
    return this.#end - this.offset;
  }

  /** A little-endian unsigned 32-bit integer. */
  async uint32(field: HeaderField): Promise<number> {
    await this.#need(4, field);
    return this.#view.getUint32(this.#advance(4), true);
  }

  /** A little-endian unsigned 64-bit integer that a number holds exactly. */
  async uint64(field: HeaderField): Promise<number> {
    await this.#need(8, field);
    return this.#uint64(field);
  }

  /** Reads one value of `byteLength` bytes with `decode`. */
  async value<T>(
    byteLength: number,
    field: HeaderField,
    decode: (view: DataView, position: number) => T,
  ): Promise<T> {
    await this.#need(byteLength, field);
    return decode(this.#view, this.#advance(byteLength));
  }

  /**
   * A UTF-8 string with its length before it.
   *
   * @param limit - Most bytes that the string may have.
   */
  async string(field: HeaderField, limit = headerLimitBytes): Promise<string> {
    await this.#need(8, field);
    const byteLength = this.#uint64(field);
    if (byteLength > limit) {
      throw this.fail(field, `has a length of ${byteLength} bytes, at most ${limit} are allowed`, {
        byteLength,
        limit,
      });
    }
    await this.#need(byteLength, field);
    return this.#text(byteLength, field);
  }

  /**
   * Strings one after another: the array that a vocabulary is.
   *
   * @param count - Number of strings, already checked by {@link requireCount}.
   */
  async strings(count: number, name: string): Promise<string[]> {
    const values: string[] = [];
    for (let element = 0; element < count; element += 1) {
      const field = { name, element };
      // Awaiting only when the window runs out halves the time for 100,000 strings.
      values.push(this.#heldString(field) ?? (await this.string(field)));
    }
    return values;
  }

  /** Copies the next bytes into `target`, whose length {@link requireCount} has checked. */
  async bytes(target: Uint8Array, field: HeaderField): Promise<void> {
    this.#requireRemaining(target.byteLength, field);
    const held = Math.min(target.byteLength, this.#bytes.byteLength - this.#position);
    target.set(this.#bytes.subarray(this.#position, this.#position + held));
    this.#position += held;
    if (held < target.byteLength) {
      await this.#source.read(this.offset, target.subarray(held), this.#signal);
      this.#start = this.offset + target.byteLength - held;
      this.#position = 0;
      this.#setWindow(new Uint8Array(0));
    }
  }

  /**
   * Rejects a count that the rest of the file cannot hold.
   *
   * @param smallest - Fewest bytes that one of the `count` items takes.
   */
  requireCount(count: number, smallest: number, field: HeaderField): void {
    if (count * smallest > this.remaining) {
      throw this.fail(
        field,
        `is ${count}, which takes ${count * smallest} bytes or more, ${this.remaining} are left`,
        { count, smallest, remaining: this.remaining },
      );
    }
  }

  /** The error for a value that cannot be right. */
  fail(field: HeaderField, problem: string, details: Readonly<Record<string, unknown>>): GgufError {
    const element = field.element === undefined ? "" : `[${field.element}]`;
    return new GgufError(
      `${this.#source.name}: ${quote(field.name)}${element} at offset ${this.offset} ${problem}; the file is damaged: get it again`,
      { field: field.name, element: field.element, offset: this.offset, ...details },
    );
  }

  #holds(byteLength: number): boolean {
    return this.#position + byteLength <= this.#bytes.byteLength;
  }

  #advance(byteLength: number): number {
    const position = this.#position;
    this.#position += byteLength;
    return position;
  }

  #uint64(field: HeaderField): number {
    const high = this.#view.getUint32(this.#position + 4, true);
    if (high > 0x1fffff) {
      const value = this.#view.getBigUint64(this.#position, true);
      throw this.fail(field, `is ${value}, beyond 2^53`, { value });
    }
    const low = this.#view.getUint32(this.#position, true);
    this.#position += 8;
    return high * 2 ** 32 + low;
  }

  /** The next string if the window holds all of it. */
  #heldString(field: HeaderField): string | undefined {
    if (!this.#holds(8)) {
      return undefined;
    }
    const byteLength = this.#view.getUint32(this.#position, true);
    if (this.#view.getUint32(this.#position + 4, true) !== 0 || !this.#holds(8 + byteLength)) {
      return undefined;
    }
    this.#position += 8;
    return this.#text(byteLength, field);
  }

  #text(byteLength: number, field: HeaderField): string {
    const position = this.#advance(byteLength);
    const short = shortText(this.#bytes, position, byteLength);
    if (short !== undefined) return short;
    try {
      return this.#utf8.decode(this.#bytes.subarray(position, position + byteLength));
    } catch {
      throw this.fail(field, `is not valid UTF-8 in the ${byteLength} bytes before`, {
        byteLength,
      });
    }
  }

  #requireRemaining(byteLength: number, field: HeaderField): void {
    if (byteLength > this.remaining) {
      const size = this.#source.size;
      throw this.fail(
        field,
        this.#end < size
          ? `needs ${byteLength} bytes, past the ${headerLimitBytes} that a header may fill`
          : `needs ${byteLength} bytes, ${this.remaining} are left of ${size}`,
        { byteLength, remaining: this.remaining, size },
      );
    }
  }

  async #need(byteLength: number, field: HeaderField): Promise<void> {
    if (this.#holds(byteLength)) {
      return;
    }
    this.#requireRemaining(byteLength, field);
    const held = this.#bytes.subarray(this.#position);
    const windowBytes = Math.max(byteLength, Math.min(this.#nextWindowBytes, this.remaining));
    this.#nextWindowBytes = Math.min(2 * this.#nextWindowBytes, largestWindowBytes);
    const window = new Uint8Array(windowBytes);
    window.set(held);
    const readFrom = this.offset + held.byteLength;
    this.#signal?.throwIfAborted();
    await this.#source.read(readFrom, window.subarray(held.byteLength), this.#signal);
    this.#start = this.offset;
    this.#position = 0;
    this.#setWindow(window);
  }

  #setWindow(window: Uint8Array<ArrayBuffer>): void {
    this.#bytes = window;
    this.#view = new DataView(window.buffer);
  }
}

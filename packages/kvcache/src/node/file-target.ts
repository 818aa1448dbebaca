import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CacheError } from "../errors";
import type { OffloadRegion, OffloadTarget } from "../offload-target";

/** Settings of {@link fileTarget}. */
export interface FileTargetOptions {
  /** Where a folder for the files is made. Default: the system's temporary directory. */
  readonly directory?: string;
}

/** Files that cold layers are kept in, until {@link FileTarget.close}. */
export interface FileTarget extends OffloadTarget, Disposable {
  /** Removes the files. Safe to call twice. */
  close(): void;
}

/**
 * A folder of its own, with one file per layer and kind, for `offloadedStore`.
 *
 * @example
 * ```ts
 * using target = fileTarget();
 * using cache = new SequenceCache({ ...sizes, device, store: offloadedStore({ target }) });
 * ```
 */
export function fileTarget({ directory = tmpdir() }: FileTargetOptions = {}): FileTarget {
  const folder = mkdtempSync(join(directory, "x-kvcache-"));
  const open = new Set<FileRegion>();
  let files = 0;
  const close = () => {
    for (const region of open) region.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return {
    name: "file",
    open: () => {
      const region = new FileRegion(join(folder, `${files++}.bin`), (closed) =>
        open.delete(closed),
      );
      open.add(region);
      return region;
    },
    close,
    [Symbol.dispose]: close,
  };
}

/** A file that exists while it holds something. */
class FileRegion implements OffloadRegion {
  readonly #path: string;
  readonly #onClose: (region: FileRegion) => void;
  #file: number | undefined;
  #length = 0;

  constructor(path: string, onClose: (region: FileRegion) => void) {
    this.#path = path;
    this.#onClose = onClose;
  }

  get byteLength(): number {
    return this.#length;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#file ??= openSync(this.#path, "w+");
    let written = 0;
    while (written < bytes.length) {
      written += writeSync(this.#file, bytes, written, bytes.length - written, offset + written);
    }
    this.#length = Math.max(this.#length, offset + bytes.length);
  }

  read(target: Uint8Array): void {
    for (let start = 0; start < target.length; ) {
      const file = this.#file;
      const count =
        file === undefined ? 0 : readSync(file, target, start, target.length - start, start);
      if (count === 0) {
        throw new CacheError(`the offload file ${this.#path} is too short; reset the cache`, {
          path: this.#path,
          expected: target.length,
          found: start,
        });
      }
      start += count;
    }
  }

  truncate(byteLength: number): void {
    if (this.#file !== undefined && byteLength < this.#length)
      ftruncateSync(this.#file, byteLength);
    this.#length = Math.min(this.#length, byteLength);
  }

  close(): void {
    if (this.#file !== undefined) {
      closeSync(this.#file);
      rmSync(this.#path, { force: true });
    }
    this.#file = undefined;
    this.#length = 0;
    this.#onClose(this);
  }
}

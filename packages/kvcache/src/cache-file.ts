import { CacheFileError } from "./errors";
import type { LayerGeometry, LayerSnapshot, LayerStore } from "./layer-store";
import { xxHash32 } from "./xx-hash";

const magic = "XKVCACHE";
/** Changes with every change of the layout. */
const formatVersion = 1;
/** Magic, version, length of the header, checksum, four bytes of zeros. */
const prefixBytes = 24;
const checksumOffset = 16;
/** Sections start on a multiple of this. */
const alignment = 16;

/** What a saved cache is about. */
export interface SavedCacheInfo {
  /** The model that computed it: see `fingerprint`. */
  readonly model: string;
  /** The tokens that it covers. */
  readonly tokenIds: readonly number[];
}

/** What can be saved and restored: a `SequenceCache`, or a model's own keeping of the same. */
export interface SavableCache {
  readonly geometry: Pick<LayerGeometry, "kvHeads" | "headDim">;
  readonly layers: number;
  /** Each layer's store with its settings. */
  readonly descriptions: readonly string[];
  /** Tokens held. */
  length(): number;
  /** The state of one layer. */
  layer(layer: number): Pick<LayerStore, "snapshot" | "restore">;
  /** Forgets everything. */
  reset(): void;
}

interface SavedLayer {
  readonly description: string;
  readonly format: LayerSnapshot["format"];
  readonly length: number;
  readonly positions: readonly number[];
  readonly sections: readonly number[];
}

interface Header extends SavedCacheInfo {
  readonly kvHeads: number;
  readonly headDim: number;
  readonly layers: readonly SavedLayer[];
}

/**
 * A cache as the bytes of a file, so that a long prompt is computed once: versioned, with a checksum
 * over everything, tied to the model. Little-endian: magic, version, length of a JSON header,
 * checksum (xxHash32), header, then each layer's sections.
 *
 * @example
 * ```ts
 * await writeFile("prompt.kv", saveCache(cache, { model: fingerprint([settings, weights]), tokenIds }));
 * ```
 */
export function saveCache(
  cache: SavableCache,
  { model, tokenIds }: SavedCacheInfo,
): Uint8Array<ArrayBuffer> {
  const { kvHeads, headDim } = cache.geometry;
  const snapshots = cache.descriptions.map((_, layer) => cache.layer(layer).snapshot());
  const layers = snapshots.map(
    ({ format, length, positions, sections }, layer): SavedLayer => ({
      description: cache.descriptions[layer] ?? "",
      format,
      length,
      // All positions in a row need no list.
      positions: positions.length === length ? [] : positions,
      sections: sections.map(({ length: byteLength }) => byteLength),
    }),
  );
  const header = new TextEncoder().encode(
    JSON.stringify({ model, tokenIds: [...tokenIds], kvHeads, headDim, layers } satisfies Header),
  );
  let size = aligned(prefixBytes + header.length);
  for (const { sections } of layers) for (const length of sections) size += aligned(length);
  const file = new Uint8Array(size);
  const view = new DataView(file.buffer);
  file.set(new TextEncoder().encode(magic));
  view.setUint32(8, formatVersion, true);
  view.setUint32(12, header.length, true);
  file.set(header, prefixBytes);
  let offset = aligned(prefixBytes + header.length);
  for (const { sections } of snapshots) {
    for (const section of sections) {
      file.set(section, offset);
      offset += aligned(section.length);
    }
  }
  view.setUint32(checksumOffset, checksumOf(file), true);
  return file;
}

/**
 * Restores what {@link saveCache} gave into an empty cache of the same sizes. The stores have to be
 * the same, with the same settings, except that what keeps every token in float32 can be restored
 * into any store that does.
 *
 * @param file - The whole file.
 * @param model - The model that will use the cache.
 * @returns What the file is about.
 * @throws {CacheFileError} when the file is no saved cache, is damaged, of another version, of
 * another model, or does not fit the cache. The cache is empty then.
 */
export function restoreCache(
  cache: SavableCache,
  file: Uint8Array,
  { model }: Pick<SavedCacheInfo, "model">,
): SavedCacheInfo {
  if (cache.length() > 0) {
    throw new CacheFileError("restoreCache: the cache holds tokens; reset() it first", {
      length: cache.length(),
    });
  }
  // Not Node's Buffer, whose slices are no copies.
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
  const { header, offset } = readHeader(bytes);
  if (header.model !== model) {
    throw new CacheFileError(
      `the saved cache is of another model (${header.model}, not ${model}); compute the prompt again`,
      { saved: header.model, model },
    );
  }
  const snapshots = readLayers(bytes, header, offset);
  assertFits(cache, header, snapshots);
  try {
    for (const [layer, snapshot] of snapshots.entries()) cache.layer(layer).restore(snapshot);
  } catch (error) {
    cache.reset();
    throw error;
  }
  return { model: header.model, tokenIds: header.tokenIds };
}

function readHeader(file: Uint8Array): { header: Header; offset: number } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const isOurs =
    file.length >= prefixBytes && new TextDecoder().decode(file.subarray(0, 8)) === magic;
  if (!isOurs) throw new CacheFileError("this is not a saved cache; give a file of saveCache");
  const version = view.getUint32(8, true);
  if (version !== formatVersion) {
    throw new CacheFileError(
      `the saved cache has format ${version}, this release reads ${formatVersion}; compute the prompt again`,
      { version, supported: formatVersion },
    );
  }
  const headerLength = view.getUint32(12, true);
  if (prefixBytes + headerLength > file.length || view.getUint32(20, true) !== 0) throw damaged();
  if (checksumOf(file) !== view.getUint32(checksumOffset, true)) throw damaged();
  const text = new TextDecoder().decode(file.subarray(prefixBytes, prefixBytes + headerLength));
  try {
    return { header: JSON.parse(text), offset: aligned(prefixBytes + headerLength) };
  } catch (cause) {
    throw new CacheFileError("the saved cache is damaged; compute the prompt again", {}, { cause });
  }
}

/** The layers' data; every length is checked against the file's. */
function readLayers(file: Uint8Array, header: Header, start: number): LayerSnapshot[] {
  let offset = start;
  return header.layers.map(({ format, length, positions, sections }) => ({
    format,
    length,
    positions:
      positions.length > 0 || format === "packed"
        ? positions
        : Array.from({ length }, (_, position) => position),
    sections: sections.map((byteLength) => {
      const end = offset + byteLength;
      if (!Number.isSafeInteger(byteLength) || byteLength < 0 || end > file.length) throw damaged();
      const section = file.subarray(offset, end);
      offset = aligned(end);
      return section;
    }),
  }));
}

function assertFits(
  cache: SavableCache,
  { kvHeads, headDim, layers }: Header,
  snapshots: readonly LayerSnapshot[],
): void {
  const { geometry, descriptions } = cache;
  const isSameSize =
    kvHeads === geometry.kvHeads && headDim === geometry.headDim && layers.length === cache.layers;
  if (!isSameSize) {
    throw new CacheFileError(
      `the saved cache has ${layers.length} layers of ${kvHeads} × ${headDim}, this one ${cache.layers} of ${geometry.kvHeads} × ${geometry.headDim}; use a cache of the same sizes`,
      { layers: layers.length, kvHeads, headDim },
    );
  }
  for (const [layer, snapshot] of snapshots.entries()) {
    const description = layers[layer]?.description ?? "";
    const wanted = descriptions[layer] ?? "";
    if (
      description !== wanted &&
      !(keepsAll(snapshot, description) && keepsAll(snapshot, wanted))
    ) {
      throw new CacheFileError(
        `layer ${layer} was saved from ${description} and cannot be restored into ${wanted}; use the store that saved it`,
        { layer, saved: description, wanted },
      );
    }
    const rowBytes = snapshot.positions.length * kvHeads * headDim * Float32Array.BYTES_PER_ELEMENT;
    const isWhole = snapshot.sections.length === 2;
    if (snapshot.format !== "rows") continue;
    if (!isWhole || snapshot.sections.some(({ length }) => length !== rowBytes)) throw damaged();
  }
}

/** Stores that differ only in where they keep the same rows. */
function keepsAll({ format }: LayerSnapshot, description: string): boolean {
  return format === "rows" && /^(dynamic|static|paged|offloaded)\b/.test(description);
}

/** The checksum of everything but the checksum. */
function checksumOf(file: Uint8Array): number {
  const seed = xxHash32(file.subarray(0, checksumOffset));
  return xxHash32(file.subarray(checksumOffset + 4), seed);
}

function aligned(byteLength: number): number {
  return Math.ceil(byteLength / alignment) * alignment;
}

function damaged(): CacheFileError {
  return new CacheFileError("the saved cache is damaged; compute the prompt again");
}

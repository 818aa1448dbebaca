import { GgufError } from "../errors";
import type { ByteSource } from "./byte-source";
import type { HeaderCursor } from "./header-cursor";
import { quote } from "./quote";
import { type GgufTensorType, ggufTensorLayout, ggufTensorTypeOf } from "./tensor-type";

/** Where and how a tensor lies in the file. */
export interface GgufTensorInfo {
  /** Name by the conventions of ggml: `blk.0.attn_q.weight`. */
  readonly name: string;
  /** Sizes in row-major order, outermost first: the file's order reversed. `[]` for a scalar. */
  readonly shape: readonly number[];
  /** Element type. */
  readonly type: GgufTensorType;
  /** Bytes from the start of the file to the first element. */
  readonly offset: number;
  /** Bytes of all elements. */
  readonly byteLength: number;
}

const mostDimensions = 4;
const longestNameBytes = 65_535;
/** Fewest bytes of an entry: an empty name, no dimensions, a type and an offset. */
const smallestEntry = 24;

/**
 * Reads `count` tensor infos and places them in the file.
 *
 * @param cursor - At the first info.
 * @throws {GgufError} for a name twice, an unknown type, a shape that its blocks do not divide, or
 *   data that are misaligned or not in the file.
 */
export async function readTensorInfos(
  cursor: HeaderCursor,
  count: number,
  alignment: number,
  source: ByteSource,
): Promise<Map<string, GgufTensorInfo>> {
  cursor.requireCount(count, smallestEntry, { name: "tensor_count" });
  const relative = new Map<string, GgufTensorInfo>();
  for (let element = 0; element < count; element += 1) {
    const info = await readTensorInfo(cursor, element);
    if (relative.has(info.name)) {
      throw cursor.fail({ name: info.name }, "is there twice", { name: info.name });
    }
    relative.set(info.name, info);
  }
  const dataStart = Math.ceil(cursor.offset / alignment) * alignment;
  const tensors = new Map<string, GgufTensorInfo>();
  for (const info of relative.values()) {
    tensors.set(info.name, placed(info, dataStart, alignment, source));
  }
  return tensors;
}

/** An info as the file holds it: its offset counts from the start of the data. */
async function readTensorInfo(cursor: HeaderCursor, element: number): Promise<GgufTensorInfo> {
  const name = await cursor.string({ name: "tensor_info.name", element }, longestNameBytes);
  const field = { name };
  const rank = await cursor.uint32(field);
  if (rank > mostDimensions) {
    throw cursor.fail(field, `has ${rank} dimensions, at most ${mostDimensions} are allowed`, {
      rank,
    });
  }
  const shape: number[] = [];
  let elements = 1;
  for (let axis = 0; axis < rank; axis += 1) {
    const size = await cursor.uint64(field);
    elements *= size;
    shape.unshift(size);
    if (size === 0 || !Number.isSafeInteger(elements)) {
      throw cursor.fail(field, `has the shape [${shape}], of 0 or more than 2^53 elements`, {
        shape,
      });
    }
  }
  const typeId = await cursor.uint32(field);
  const type = ggufTensorTypeOf(typeId);
  if (type === undefined) {
    throw cursor.fail(field, `has the tensor type ${typeId}, which is unknown`, { type: typeId });
  }
  const { blockSize, blockBytes } = ggufTensorLayout(type);
  const rowSize = shape.at(-1) ?? 1;
  if (rowSize % blockSize !== 0) {
    throw cursor.fail(
      field,
      `has rows of ${rowSize} elements, ${type} packs ${blockSize} to a block`,
      { shape, type, blockSize },
    );
  }
  const offset = await cursor.uint64(field);
  return { name, shape, type, offset, byteLength: (elements / blockSize) * blockBytes };
}

function placed(
  info: GgufTensorInfo,
  dataStart: number,
  alignment: number,
  source: ByteSource,
): GgufTensorInfo {
  const { name, byteLength } = info;
  const offset = dataStart + info.offset;
  if (info.offset % alignment !== 0) {
    throw new GgufError(
      `${source.name}: the tensor ${quote(name)} has the data offset ${info.offset}, not a multiple of the alignment ${alignment}; the file is damaged: get it again`,
      { name, offset: info.offset, alignment },
    );
  }
  if (offset + byteLength > source.size) {
    throw new GgufError(
      `${source.name}: the tensor ${quote(name)} takes ${byteLength} bytes at offset ${offset}, past the file's ${source.size}; the file is truncated: get it again`,
      { name, offset, byteLength, size: source.size },
    );
  }
  return { ...info, offset };
}

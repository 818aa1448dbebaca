import type { BufferSlice } from "../device/device";
import type { DeviceBuffer } from "../device/device-buffer";
import { carriedBytes } from "../device/float-carrier";
import type { FloatTexture } from "./texture-pool";

/** A tensor's memory: a texture, in which `byteLength` counts the host's bytes. */
export interface GlTensorBuffer extends DeviceBuffer {
  readonly texture: FloatTexture;
}

/** Elements of a texture, row by row. */
export interface TextureRange {
  readonly texture: FloatTexture;
  readonly first: number;
  readonly count: number;
}

export function rangeOf({ buffer, dtype, byteOffset, byteLength }: BufferSlice): TextureRange {
  const unit = carriedBytes(dtype);
  const { texture } = buffer as GlTensorBuffer;
  return { texture, first: byteOffset / unit, count: byteLength / unit };
}

/** A rectangle of a texture that holds consecutive elements. */
export interface TextureRectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Its first element, counted from the start of the range. */
  readonly start: number;
}

/** Splits a range into rectangles: the rest of a row, whole rows, the start of a row. */
export function rectanglesOf({ texture, first, count }: TextureRange): TextureRectangle[] {
  const rectangles: TextureRectangle[] = [];
  let start = 0;
  while (start < count) {
    const x = (first + start) % texture.width;
    const y = Math.floor((first + start) / texture.width);
    const wholeRows = x === 0 ? Math.floor((count - start) / texture.width) : 0;
    const width = wholeRows > 0 ? texture.width : Math.min(texture.width - x, count - start);
    const height = Math.max(1, wholeRows);
    rectangles.push({ x, y, width, height, start });
    start += width * height;
  }
  return rectangles;
}

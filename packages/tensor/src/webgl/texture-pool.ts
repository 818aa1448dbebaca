/** A texture of one float32 per texel, filled row by row. */
export interface FloatTexture {
  readonly texture: WebGLTexture;
  readonly width: number;
  readonly height: number;
}

/** Bytes that may lie unused, waiting for the next tensor of the same size. */
const maximumIdleBytes = 2 ** 27;

/** Textures by size: a decoding loop asks for the same ones again at each step. */
export class TexturePool {
  readonly #context: WebGL2RenderingContext;
  readonly #maximumSide: number;
  readonly #idle = new Map<string, FloatTexture[]>();
  #usedBytes = 0;
  #idleBytes = 0;

  constructor(context: WebGL2RenderingContext, maximumSide: number) {
    this.#context = context;
    this.#maximumSide = maximumSide;
  }

  /** Bytes of textures in use. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Bytes of textures in use or waiting for the next. */
  get reservedBytes(): number {
    return this.#usedBytes + this.#idleBytes;
  }

  /** A texture of at least `count` texels, whose content is undefined. */
  take(count: number): FloatTexture {
    const width = Math.max(1, Math.min(count, this.#maximumSide));
    const height = Math.max(1, Math.ceil(count / width));
    const known = this.#idle.get(`${width}x${height}`)?.pop();
    const byteLength = width * height * 4;
    if (known !== undefined) this.#idleBytes -= byteLength;
    this.#usedBytes += byteLength;
    return known ?? { texture: this.#create(width, height), width, height };
  }

  give(texture: FloatTexture): void {
    const { width, height } = texture;
    const byteLength = width * height * 4;
    this.#usedBytes -= byteLength;
    if (this.#idleBytes + byteLength > maximumIdleBytes) {
      this.#context.deleteTexture(texture.texture);
      return;
    }
    this.#idleBytes += byteLength;
    const key = `${width}x${height}`;
    const sameSize = this.#idle.get(key);
    if (sameSize === undefined) this.#idle.set(key, [texture]);
    else sameSize.push(texture);
  }

  /** Deletes the textures that wait. */
  dispose(): void {
    for (const textures of this.#idle.values()) {
      for (const { texture } of textures) this.#context.deleteTexture(texture);
    }
    this.#idle.clear();
    this.#idleBytes = 0;
  }

  #create(width: number, height: number): WebGLTexture {
    const gl = this.#context;
    const texture = gl.createTexture();
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.R32F, width, height);
    return texture;
  }
}

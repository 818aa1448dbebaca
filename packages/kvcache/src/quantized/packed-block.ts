import { type BlockLayout, type BlockShape, blockLayout } from "./block-layout";
import { codeOf, groupScale, packCodes, unpackCodes } from "./codes";
import type { PackedMemory } from "./packed-memory";

/** Float32 rows in a linear memory, `[Hkv, capacity, D]`. */
export interface FloatRows {
  readonly elements: Float32Array;
  readonly capacity: number;
  /** First row of those that are meant. */
  readonly start: number;
}

/** `G` tokens, packed once and never changed: forks share it. */
export class PackedBlock {
  readonly offset: number;
  readonly layout: BlockLayout;
  readonly #memory: PackedMemory;
  readonly #shape: BlockShape;
  #owners = 1;

  constructor(memory: PackedMemory, shape: BlockShape) {
    this.#memory = memory;
    this.#shape = shape;
    this.layout = blockLayout(shape);
    this.offset = memory.allocate(this.layout.byteLength);
  }

  /** Caches that hold the block. */
  get owners(): number {
    return this.#owners;
  }

  /** The block's bytes. */
  get bytes(): Uint8Array {
    return this.#memory.bytes(this.offset, this.layout.byteLength);
  }

  /** Adds an owner. */
  retain(): this {
    this.#owners++;
    return this;
  }

  /** Drops an owner; the last one frees the memory. */
  release(): void {
    this.#owners--;
    if (this.#owners === 0) this.#memory.free(this.offset, this.layout.byteLength);
  }

  /** Packs keys: per head and channel, the `G` tokens are a group. */
  packKeys({ elements, capacity, start }: FloatRows): void {
    const { kvHeads, headDim, groupSize, bits } = this.#shape;
    const { scales, minima } = this.#keyScales();
    const codes = new Uint8Array(groupSize * headDim);
    for (let head = 0; head < kvHeads; head++) {
      for (let channel = 0; channel < headDim; channel++) {
        const first = (head * capacity + start) * headDim + channel;
        let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
        for (let token = 0; token < groupSize; token++) {
          const element = elements[first + token * headDim] ?? 0;
          low = Math.min(low, element);
          high = Math.max(high, element);
        }
        const group = groupScale(low, high, bits);
        scales[head * headDim + channel] = group.scale;
        minima[head * headDim + channel] = group.minimum;
        for (let token = 0; token < groupSize; token++) {
          const element = elements[first + token * headDim] ?? 0;
          codes[token * headDim + channel] = codeOf(element, group, bits);
        }
      }
      for (let token = 0; token < groupSize; token++) {
        const row = codes.subarray(token * headDim, (token + 1) * headDim);
        packCodes(row, bits, this.#keyRow(head, token));
      }
    }
  }

  /** Packs values: per head and token, `valueGroup` channels are a group. */
  packValues({ elements, capacity, start }: FloatRows): void {
    const { kvHeads, headDim, groupSize, valueGroup, bits } = this.#shape;
    const { scales, minima } = this.#valueScales();
    const pair = new Uint8Array(2 * headDim);
    for (let head = 0; head < kvHeads; head++) {
      for (let token = 0; token < groupSize; token++) {
        const first = (head * capacity + start + token) * headDim;
        for (let channel = 0; channel < headDim; channel += valueGroup) {
          let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
          for (let index = channel; index < channel + valueGroup; index++) {
            const element = elements[first + index] ?? 0;
            low = Math.min(low, element);
            high = Math.max(high, element);
          }
          const group = groupScale(low, high, bits);
          const at = this.#valueGroupIndex(head, channel, token);
          scales[at] = group.scale;
          minima[at] = group.minimum;
          for (let index = channel; index < channel + valueGroup; index++) {
            pair[2 * index + (token & 1)] = codeOf(elements[first + index] ?? 0, group, bits);
          }
        }
        if ((token & 1) === 1) packCodes(pair, bits, this.#valuePair(head, token >> 1));
      }
    }
  }

  /** Unpacks the first `tokens` keys into rows from `target.start` on. */
  unpackKeys(tokens: number, { elements, capacity, start }: FloatRows): void {
    const { kvHeads, headDim, bits } = this.#shape;
    const { scales, minima } = this.#keyScales();
    const codes = new Uint8Array(headDim);
    for (let head = 0; head < kvHeads; head++) {
      for (let token = 0; token < tokens; token++) {
        unpackCodes(this.#keyRow(head, token), bits, codes);
        const first = (head * capacity + start + token) * headDim;
        for (let channel = 0; channel < headDim; channel++) {
          const at = head * headDim + channel;
          const scale = scales[at] ?? 0;
          elements[first + channel] = scale * (codes[channel] ?? 0) + (minima[at] ?? 0);
        }
      }
    }
  }

  /** Unpacks the first `tokens` values into rows from `target.start` on. */
  unpackValues(tokens: number, { elements, capacity, start }: FloatRows): void {
    const { kvHeads, headDim, valueGroup, bits } = this.#shape;
    const { scales, minima } = this.#valueScales();
    const pair = new Uint8Array(2 * headDim);
    for (let head = 0; head < kvHeads; head++) {
      for (let token = 0; token < tokens; token++) {
        if ((token & 1) === 0) unpackCodes(this.#valuePair(head, token >> 1), bits, pair);
        const first = (head * capacity + start + token) * headDim;
        for (let channel = 0; channel < headDim; channel++) {
          const at = this.#valueGroupIndex(head, channel - (channel % valueGroup), token);
          const code = pair[2 * channel + (token & 1)] ?? 0;
          elements[first + channel] = (scales[at] ?? 0) * code + (minima[at] ?? 0);
        }
      }
    }
  }

  #keyScales(): { scales: Float32Array; minima: Float32Array } {
    const { kvHeads, headDim } = this.#shape;
    const { keyScales, keyMinima } = this.layout;
    return {
      scales: this.#memory.floats(this.offset + keyScales, kvHeads * headDim),
      minima: this.#memory.floats(this.offset + keyMinima, kvHeads * headDim),
    };
  }

  #valueScales(): { scales: Float32Array; minima: Float32Array } {
    const { kvHeads, headDim, groupSize, valueGroup } = this.#shape;
    const count = kvHeads * groupSize * (headDim / valueGroup);
    const { valueScales, valueMinima } = this.layout;
    return {
      scales: this.#memory.floats(this.offset + valueScales, count),
      minima: this.#memory.floats(this.offset + valueMinima, count),
    };
  }

  #valueGroupIndex(head: number, channel: number, token: number): number {
    const { headDim, groupSize, valueGroup } = this.#shape;
    return (head * (headDim / valueGroup) + channel / valueGroup) * groupSize + token;
  }

  #keyRow(head: number, token: number): Uint8Array {
    const { rowBytes, keyCodes } = this.layout;
    const row = head * this.#shape.groupSize + token;
    return this.#memory.bytes(this.offset + keyCodes + row * rowBytes, rowBytes);
  }

  #valuePair(head: number, pair: number): Uint8Array {
    const { pairBytes, valueCodes } = this.layout;
    const row = (head * this.#shape.groupSize) / 2 + pair;
    return this.#memory.bytes(this.offset + valueCodes + row * pairBytes, pairBytes);
  }
}

import type { SavableCache } from "@x/kvcache";
import type { Device } from "@x/tensor";
import { ProgramState } from "./program-state";
import type { SequenceBuffers } from "./sequence-buffers";

/** A sequence with memory of its own, which grows with it. */
export class ContiguousState extends ProgramState {
  readonly #buffers: SequenceBuffers;

  constructor(buffers: SequenceBuffers) {
    super();
    this.#buffers = buffers;
  }

  get device(): Device {
    return this.#buffers.device;
  }

  get bytes(): number {
    return this.#buffers.bytes;
  }

  get revision(): number {
    return this.#buffers.revision;
  }

  get savable(): SavableCache {
    const buffers = this.#buffers;
    const { layers } = buffers.sizes;
    return {
      geometry: buffers.sizes,
      layers,
      descriptions: new Array<string>(layers).fill("dynamic"),
      length: () => this.length,
      layer: (layer) => ({
        snapshot: () => buffers.snapshot(layer, this.length),
        restore: (snapshot) => {
          buffers.restore(layer, snapshot);
          this.crop(0);
          this.advance(snapshot.length);
        },
      }),
      reset: () => this.crop(0),
    };
  }

  assertRoom(): void {
    // The memory grows.
  }

  reserve(tokens: number): void {
    this.#buffers.reserve(this.length + tokens, this.length);
  }

  describe(layer: number, table: Int32Array, row: number): void {
    this.#buffers.describe(layer, table, row);
  }

  fork(): ContiguousState {
    const copy = new ContiguousState(this.#buffers.fork(this.length));
    copy.advance(this.length);
    return copy;
  }

  override dispose(): void {
    this.#buffers.dispose();
    super.dispose();
  }
}

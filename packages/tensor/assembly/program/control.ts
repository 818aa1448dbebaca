/**
 * What threads share about the program that runs. Fields that different threads write lie 64 bytes
 * apart, one to a cache line.
 */
export namespace Control {
  /**
   * The phase, in the high half, and the chunks that are left to take plus `noChunks`, in the low
   * half. One subtraction takes a chunk and tells of which phase it is.
   */
  export const position: usize = 0;
  /** Chunks of the phase that are done. */
  export const done: usize = 64;
  /** Number of the last program that was finished. */
  export const finished: usize = 128;
  /** Number of the program that runs. */
  export const run: usize = 192;
  /** First instruction of the phase. */
  export const instruction: usize = 196;
  /** Chunks of the phase. */
  export const chunks: usize = 200;
  /** Scratch of thread 0, and how many bytes further that of the next thread is. */
  export const scratch: usize = 204;
  export const scratchStride: usize = 208;
  /** Counts wake-up calls: what sleeping threads wait on. */
  export const wake: usize = 256;
  /** Threads that sleep or are about to. */
  export const sleepers: usize = 320;
  /** 1 tells threads to leave. */
  export const stop: usize = 384;
  /** 1 when a thread met an error in the middle of a chunk. */
  export const failed: usize = 388;
}

/** Bytes of the control block. */
export const controlBytes: i32 = 448;

/**
 * The low half of `position` when no chunk is left. Threads that come too late subtract from it, at
 * most once each in a phase, so that it never reaches 0.
 */
export const noChunks: u32 = 0x10000;

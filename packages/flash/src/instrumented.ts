/**
 * The kernels with counters in them: what attention really moves, to hold against `ioCost`.
 *
 * @module
 */
import type { TileSizes } from "./attention-attributes";
import { instrumentedModuleBase64 } from "./generated/instrumented";
import { withProblem } from "./problem";
import type { FlashExports } from "./wasm/kernel-exports";
import { windowWord } from "./window";

export type { TileSizes } from "./attention-attributes";

/** What {@link measureTraffic} runs: one head over numbers that do not matter. */
export interface TrafficOptions {
  readonly tokens: number;
  readonly headSize: number;
  readonly tile: TileSizes;
  /** Default `false`. */
  readonly causal?: boolean;
  /** Default `forward`. */
  readonly pass?: "forward" | "backward";
}

/** Elements that the kernels moved. */
export interface Traffic {
  readonly loads: number;
  readonly stores: number;
  /** Bytes of scratch that the kernel was given. */
  readonly scratchBytes: number;
}

interface InstrumentedExports extends FlashExports {
  readonly resetTraffic: () => void;
  readonly loadedElements: () => number;
  readonly storedElements: () => number;
}

const pageBytes = 65536;

/** Runs the instrumented forward or backward kernel once and returns what it counted. */
export function measureTraffic({
  tokens,
  headSize,
  tile,
  causal = false,
  pass = "forward",
}: TrafficOptions): Traffic {
  const { kernels, host } = instantiate();
  const operandBytes = tokens * headSize * Float32Array.BYTES_PER_ELEMENT;
  const rowBytes = headSize * Float32Array.BYTES_PER_ELEMENT;
  const operand = () => host.allocate(operandBytes);
  const strides = { queryTokenBytes: rowBytes, keyTokenBytes: rowBytes, valueTokenBytes: rowBytes };
  const problem = {
    ...{ queries: operand(), keys: operand(), values: operand(), output: operand() },
    ...{ logSumExp: host.allocate(tokens * 4), logSumExpHeadStride: tokens },
    ...{ batch: 1, heads: 1, kvHeads: 1, keySize: headSize, valueSize: headSize },
    ...{ tileQueries: tile.queries, tileKeys: tile.keys, splits: 1, scale: 1, keepScale: 1 },
    ...strides,
    windowLeft: windowWord(Number.POSITIVE_INFINITY),
    windowRight: windowWord(causal ? 0 : Number.POSITIVE_INFINITY),
    ...(pass === "backward" && {
      outputGradient: operand(),
      queryGradient: operand(),
      keyGradient: operand(),
      valueGradient: operand(),
    }),
  };
  const units = pass === "forward" ? Math.ceil(tokens / tile.queries) : 1;
  const sequences = [0, tokens, 0, tokens, 0, 0, 0, ...[0, 0, 0, 0, 0, 0, units]];
  let scratchBytes = 0;
  withProblem(host, problem, { sequences }, (pointer) => {
    const isForward = pass === "forward";
    scratchBytes = isForward
      ? kernels.flashForwardScratchBytes(pointer)
      : kernels.flashBackwardScratchBytes(pointer);
    const run = isForward ? kernels.flashForward : kernels.flashBackward;
    kernels.resetTraffic();
    host.withScratch(scratchBytes, (scratch) => run(pointer, 0, units, scratch));
  });
  return { loads: kernels.loadedElements(), stores: kernels.storedElements(), scratchBytes };
}

/** The instrumented kernels over a memory of their own, which is handed out and never taken back. */
function instantiate() {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const bytes = Uint8Array.from(atob(instrumentedModuleBase64), (character) =>
    character.charCodeAt(0),
  );
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  // Address 0 says that an operand is absent.
  let end = pageBytes;
  const allocate = (byteLength: number): number => {
    const pointer = end;
    end += Math.ceil(byteLength / 64) * 64;
    const missing = Math.ceil((end - memory.buffer.byteLength) / pageBytes);
    if (missing > 0) memory.grow(missing);
    return pointer;
  };
  return {
    kernels: exports as unknown as InstrumentedExports,
    host: {
      allocate,
      withScratch: (byteLength: number, use: (pointer: number) => void) =>
        use(allocate(byteLength)),
      writeIntegers: (pointer: number, values: ArrayLike<number>) =>
        new Int32Array(memory.buffer, pointer, values.length).set(values),
    },
  };
}

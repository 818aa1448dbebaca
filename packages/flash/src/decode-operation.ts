import { assign, embedding, type Tensor, tensor, tidy } from "@x/tensor";
import { type GpujsContext, type Operation, runOperation } from "@x/tensor/kernels";
import { operandsOf } from "./attention-attributes";
import { attentionOperation, logSumExpShape } from "./attention-operation";
import { cacheRows, type DecodeAttributes } from "./decode-attributes";
import { wasmKernels } from "./wasm/wasm-kernels";

/** Inputs as those of `attentionOperation`, with the caches for keys and values. */
export const decodeOperation: Operation<DecodeAttributes> = {
  name: "flashDecode",
  infer: ([queries], { layout }) => [
    { dtype: "float32", shape: [...(queries?.shape.slice(0, -1) ?? []), layout.valueSize] },
    { dtype: "float32", shape: logSumExpShape(layout) },
  ],
  gpujs: defineDecode,
  gradient: "unsupported",
  kernels: { wasm: wasmKernels },
};

/** By definition: the rows of each sequence gathered and unpacked, and attention over them. */
function defineDecode({ inputs, outputs, attributes }: GpujsContext<DecodeAttributes>): void {
  const { queries, keys, values, alibiSlopes, sinks } = operandsOf(inputs, attributes);
  const [output, logSumExp] = outputs;
  if (output === undefined || logSumExp === undefined) return;
  const { layout, present } = attributes;
  layout.sequences.forEach((span, index) => {
    tidy(() => {
      const one = (batched: Tensor) => batched.slice(0, index, index + 1);
      const sequence = {
        ...layout,
        batch: 1,
        sequences: [{ ...span, queryStart: 0, keyStart: 0 }],
      };
      const slopes = alibiSlopes?.rank === 2 ? one(alibiSlopes) : alibiSlopes;
      const optional = { alibiSlopes: slopes, sinks, bias: undefined, mask: undefined };
      const [part, total] = runOperation(
        attentionOperation,
        [
          one(queries),
          gather(keys, attributes, index),
          gather(values, attributes, index),
          ...present.flatMap((name) => optional[name] ?? []),
        ],
        { ...attributes, layout: sequence },
      );
      if (part && total) {
        assign(one(output), part);
        assign(one(logSumExp), total);
      }
    });
  });
}

/** `[1, Nk, Hkv, D]` in float32 from a cache. */
function gather(cache: Tensor, attributes: DecodeAttributes, index: number): Tensor {
  const [, , heads = 1, size = 1] = cache.shape;
  const ids = cacheRows(attributes, cache, index).flatMap((row) =>
    Array.from({ length: heads }, (_, head) => row * heads + head),
  );
  const { device } = cache;
  const rows = cache.reshape([-1, size]);
  const gathered = embedding(rows, tensor(ids, [ids.length], { device, dtype: "int32" }));
  return gathered.reshape([1, ids.length / heads, heads, size]);
}

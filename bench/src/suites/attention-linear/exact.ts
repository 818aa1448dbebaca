import {
  add,
  concat,
  type Device,
  full,
  matmul,
  mul,
  softmax,
  type Tensor,
  tidy,
  triu,
} from "@x/tensor";

const blockRows = 64;

/**
 * Exact causal attention in blocks of 64 rows, so that no N × N matrix is held: scores, softmax, product.
 *
 * @param queries - `[1, T, H, D]`, as the keys and values. @returns `[1, H, T, D]`.
 */
export function attendInRowBlocks(queries: Tensor, keys: Tensor, values: Tensor): Tensor {
  return tidy(() => {
    const [q, k, v] = [queries, keys, values].map((one) => one.permute([0, 2, 1, 3])) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const time = q.dimension(2);
    const scale = q.dimension(3) ** -0.5;
    const mask = hidden(blockRows, q.device);
    const blocks: Tensor[] = [];
    for (let start = 0; start < time; start += blockRows) {
      const end = Math.min(time, start + blockRows);
      blocks.push(
        tidy(() => {
          const rows = mul(q.slice(2, start, end), scale);
          const own = matmul(rows, k.slice(2, start, end).transpose()); // [1, H, rows, rows]
          const size = end - start;
          const masked = add(own, mask.slice(0, 0, size).slice(1, 0, size));
          const earlier = start === 0 ? [] : [matmul(rows, k.slice(2, 0, start).transpose())];
          const weights = softmax(concat([...earlier, masked], { axis: -1 }));
          return matmul(weights, v.slice(2, 0, end));
        }),
      );
    }
    return concat(blocks, { axis: 2 });
  });
}

/** Exact causal attention with the whole matrix of scores: what grows with N². */
export function attendAtOnce(queries: Tensor, keys: Tensor, values: Tensor): Tensor {
  return tidy(() => {
    const [q, k, v] = [queries, keys, values].map((one) => one.permute([0, 2, 1, 3])) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const scores = mul(matmul(q, k.transpose()), q.dimension(3) ** -0.5);
    return matmul(softmax(add(scores, hidden(q.dimension(2), q.device))), v);
  });
}

/** 0 up to the diagonal, far below every score above it. */
function hidden(size: number, device: Device): Tensor {
  return tidy(() => triu(full([size, size], -1e30, { device }), { diagonal: 1 }));
}

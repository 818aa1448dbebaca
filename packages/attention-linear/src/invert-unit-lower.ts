import { add, concat, customGradient, matmul, mul, neg, type Tensor, tidy, tril } from "@x/tensor";

/**
 * `(I + A)⁻¹` for strictly lower triangular `A [..., C, C]`, by halves:
 * `[[P, 0], [-Q A₂₁ P, Q]]` with P and Q the inverses of the diagonal blocks. Unlike a series in A
 * it does not cancel when keys are alike.
 *
 * The gradient is `-Xᵀ g Xᵀ` below the diagonal, X being the inverse.
 */
export const invertUnitLower: (strictlyLower: Tensor) => Tensor = /* @__PURE__ */ customGradient({
  forward: (lower) => tidy(() => invert(lower)),
  backward: (gradient, _inputs, inverse) => {
    const transposed = inverse.transpose();
    return [tril(neg(matmul(matmul(transposed, gradient), transposed)), { diagonal: -1 })];
  },
});

function invert(lower: Tensor): Tensor {
  const size = lower.dimension(-1);
  if (size === 1) return add(mul(lower, 0), 1);
  const half = Math.ceil(size / 2);
  const block = (rows: [number, number], columns: [number, number]) =>
    lower.slice(-2, ...rows).slice(-1, ...columns);
  const top = invert(block([0, half], [0, half]));
  const bottom = invert(block([half, size], [half, size]));
  const coupling = neg(matmul(bottom, matmul(block([half, size], [0, half]), top)));
  const zero = mul(block([0, half], [half, size]), 0);
  return concat([concat([top, zero], { axis: -1 }), concat([coupling, bottom], { axis: -1 })], {
    axis: -2,
  });
}

import {
  add,
  clip,
  concat,
  cos,
  type Device,
  div,
  elu,
  exp,
  matmul,
  max,
  mul,
  neg,
  relu,
  sin,
  square,
  sub,
  sum,
  type Tensor,
  tidy,
} from "@x/tensor";
import { AttentionOptionError } from "./errors";
import { orthogonalProjection } from "./orthogonal-projection";

/** Whether a vector is a query or a key. */
export type FeatureRole = "query" | "key";

/**
 * A map φ whose inner products `φ(q)·φ(k)` take the place of `exp(q·k)`.
 *
 * @example
 * ```ts
 * const cubed: FeatureMap = { features: (size) => size, map: (x) => mul(mul(x, x), x) };
 * ```
 */
export interface FeatureMap {
  /** Number of features of a vector of `size` elements. */
  features(size: number): number;
  /** Features of `[..., size]`, as `[..., features(size)]`. Must not mix positions. */
  map(x: Tensor, role: FeatureRole): Tensor;
  /** Whether no product of features is below 0, so that sums of weights cannot cancel. Default false. */
  readonly isPositive?: boolean;
}

function elementwise(map: (x: Tensor) => Tensor): FeatureMap {
  return { features: (size) => size, map, isPositive: true };
}

/** `elu(x) + 1`, positive (Katharopoulos et al. 2020, arXiv 2006.16236, eq. 7). */
export const eluPlusOne: FeatureMap = /* @__PURE__ */ elementwise((x) =>
  tidy(() => add(elu(x), 1)),
);

/** `max(x, 0)`. */
export const reluFeatures: FeatureMap = /* @__PURE__ */ elementwise((x) => relu(x));

/** `max(x, 0)²` (Hua et al. 2022, arXiv 2202.10447). */
export const squaredRelu: FeatureMap = /* @__PURE__ */ elementwise((x) =>
  tidy(() => square(relu(x))),
);

/** `eˣ`, with `x` limited to ±30 so that sums of products stay finite in float32. */
export const expFeatures: FeatureMap = /* @__PURE__ */ elementwise((x) =>
  tidy(() => exp(clip(x, -30, 30))),
);

/** `x` itself: attention without a nonlinearity. Its sums can be 0, so leave `normalize` off. */
export const identityFeatures: FeatureMap = { features: (size) => size, map: (x) => mul(x, 1) };

/**
 * The Taylor expansion of `exp(q·k)` to second order, `1 + q·k + (q·k)²/2`, which is positive
 * (Arora et al. 2024, "Based", arXiv 2402.18668, section 4). `x` is divided by `size^¼`, so that the
 * product is that of scaled attention.
 */
export const taylorFeatures: FeatureMap = {
  features: (size) => 1 + size + size * size,
  map: (x) =>
    tidy(() => {
      const size = x.dimension(-1);
      const scaled = div(x, size ** 0.25);
      const outer = mul(scaled.expandDims(-1), scaled.expandDims(-2));
      const flat = outer.reshape([...x.shape.slice(0, -1), size * size]);
      const one = add(mul(scaled.slice(-1, 0, 1), 0), 1);
      return concat([one, scaled, mul(flat, Math.SQRT1_2)], { axis: -1 });
    }),
  isPositive: true,
};

/**
 * Deterministic parameter-free projection of order `nu` (Schlag et al. 2021, arXiv 2102.11174,
 * eq. 37): products of `[relu(x), relu(-x)]` with itself rolled by 1 … `nu`.
 */
export function dpfpFeatures({ nu = 1 }: { nu?: number } = {}): FeatureMap {
  if (!Number.isInteger(nu) || nu < 1) {
    throw new AttentionOptionError(`dpfpFeatures: nu ${nu} is not an integer of 1 or more`, { nu });
  }
  return {
    features: (size) => 2 * size * nu,
    map: (x) =>
      tidy(() => {
        const both = concat([relu(x), relu(neg(x))], { axis: -1 });
        const width = both.dimension(-1);
        const products = Array.from({ length: nu }, (_, index) => {
          const cut = (width - ((index + 1) % width)) % width;
          const rolled = concat([both.slice(-1, cut, width), both.slice(-1, 0, cut)], { axis: -1 });
          return mul(both, rolled);
        });
        return concat(products, { axis: -1 });
      }),
    isPositive: true,
  };
}

/** Settings of {@link favorFeatures}. */
export interface FavorOptions {
  /** Where the projection lives: the device of the queries and keys. */
  readonly device: Device;
  /** Size of a query or key. */
  readonly size: number;
  /** Number m of random features. More lower the error as 1/√m. Default 256. */
  readonly features?: number;
  /** Chooses the projection, which stays fixed for the life of the map. */
  readonly seed: number;
}

/** A feature map that owns a tensor. Dispose it at the end. */
export interface OwnedFeatureMap extends FeatureMap, Disposable {
  /** Frees the projection. */
  dispose(): void;
}

/**
 * Positive orthogonal random features, FAVOR+ (Choromanski et al. 2020, arXiv 2009.14794,
 * lemma 1 and section 2.4): unbiased for `exp(q·k / √size)`.
 *
 * Each vector is stabilized by a maximum of its own (queries) or not at all (keys), so that no
 * position sees a later one.
 */
export function favorFeatures({
  device,
  size,
  features = 256,
  seed,
}: FavorOptions): OwnedFeatureMap {
  const projection = orthogonalProjection({ device, size, features, seed }); // [features, size]
  const dispose = () => projection.dispose();
  return {
    features: () => features,
    map: (x, role) =>
      tidy(() => {
        const scaled = mul(x, size ** -0.25);
        const projected = matmul(scaled, projection.transpose());
        const halfNorm = mul(sum(square(scaled), { axis: -1, keepDims: true }), 0.5);
        const exponent = sub(projected, halfNorm);
        // A query's own factor cancels in the normalization; a key's would not.
        const shift =
          role === "query" ? max(exponent.detach(), { axis: -1, keepDims: true }) : undefined;
        const stable = shift === undefined ? clip(exponent, -60, 60) : sub(exponent, shift);
        return mul(exp(stable), 1 / Math.sqrt(features));
      }),
    isPositive: true,
    dispose,
    [Symbol.dispose]: dispose,
  };
}

/**
 * Random Fourier features `[sin ωx, cos ωx]` (Rahimi and Recht 2007; Peng et al. 2021,
 * arXiv 2103.02143, eq. 4): unbiased for `exp(q·k/√size)` up to each vector's own factor. Signed, so
 * that sums can come near 0.
 */
export function fourierFeatures({
  device,
  size,
  features = 256,
  seed,
}: FavorOptions): OwnedFeatureMap {
  const half = Math.floor(features / 2);
  const projection = orthogonalProjection({ device, size, features: half, seed });
  const dispose = () => projection.dispose();
  return {
    features: () => 2 * half,
    map: (x, role) =>
      tidy(() => {
        const scaled = mul(x, size ** -0.25);
        const projected = matmul(scaled, projection.transpose());
        const waves = concat([sin(projected), cos(projected)], { axis: -1 });
        if (role === "query") return mul(waves, 1 / Math.sqrt(half));
        const halfNorm = mul(sum(square(scaled), { axis: -1, keepDims: true }), 0.5);
        return mul(mul(waves, exp(clip(halfNorm, -60, 60))), 1 / Math.sqrt(half));
      }),
    dispose,
    [Symbol.dispose]: dispose,
  };
}

import { type Device, keep, normalNumbers, type Tensor, tensor } from "@x/tensor";

interface ProjectionOptions {
  readonly device: Device;
  readonly size: number;
  readonly features: number;
  readonly seed: number;
}

/**
 * Gaussian vectors `[features, size]`, orthogonal within each block of `size`, with the lengths of
 * independent ones (Choromanski et al. 2020, section 2.4). Lives until it is disposed.
 */
export function orthogonalProjection({ device, size, features, seed }: ProjectionOptions): Tensor {
  const rows = rowsOf(normalNumbers(features * size, 2 * seed), size);
  const lengths = rowsOf(normalNumbers(features * size, 2 * seed + 1), size).map(lengthOf);
  for (let start = 0; start < features; start += size) {
    orthonormalize(rows.slice(start, start + size));
  }
  const values = rows.flatMap((row, index) => [...row].map((one) => one * (lengths[index] ?? 1)));
  return keep(tensor(values, [features, size], { device }));
}

function rowsOf(values: Float32Array, size: number): Float64Array[] {
  return Array.from({ length: values.length / size }, (_, row) =>
    Float64Array.from(values.subarray(row * size, (row + 1) * size)),
  );
}

function lengthOf(row: Float64Array): number {
  return Math.sqrt(dot(row, row));
}

function dot(left: Float64Array, right: Float64Array): number {
  return left.reduce((sum, value, index) => sum + value * (right[index] ?? 0), 0);
}

/** Modified Gram-Schmidt in place, twice over, so that rounding does not accumulate. */
function orthonormalize(rows: readonly Float64Array[]): void {
  rows.forEach((row, index) => {
    for (const earlier of [...rows.slice(0, index), ...rows.slice(0, index)]) {
      const overlap = dot(row, earlier);
      for (let i = 0; i < row.length; i++) row[i] = (row[i] ?? 0) - overlap * (earlier[i] ?? 0);
    }
    const length = lengthOf(row);
    for (let i = 0; i < row.length; i++) row[i] = (row[i] ?? 0) / length;
  });
}

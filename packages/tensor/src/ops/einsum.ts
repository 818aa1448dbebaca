import { commonDevice } from "../device/device";
import { ShapeError } from "../errors";
import { tidy } from "../lifetime";
import { formatShape } from "../shape";
import type { Tensor } from "../tensor";
import { matmul } from "./matmul";
import { sum } from "./reductions";
import { reshape } from "./reshape";

/** A tensor whose dimensions have names. */
interface Labelled {
  readonly tensor: Tensor;
  readonly labels: string;
}

/**
 * Einstein summation, as NumPy's: dimensions with one letter run together, letters that the result
 * does not name are summed.
 *
 * @param equation - `"bij,bjk->bik"`; without `->`, the letters that occur once, in alphabetical
 * order.
 * @param operands - One tensor for each term, contracted from left to right by matrix products.
 * @throws {ShapeError} when the equation is malformed, a size disagrees, or a term has another
 * number of letters than its tensor has dimensions.
 *
 * @example
 * ```ts
 * const scores = einsum("nhd,mhd->hnm", queries, keys);
 * ```
 */
export function einsum(equation: string, ...operands: readonly Tensor[]): Tensor {
  const { terms, result } = parseEquation(equation, operands);
  commonDevice("einsum", operands);
  return tidy(() => {
    const labelled = operands.map((tensor, index) => withDiagonals(tensor, terms[index] ?? ""));
    let [current, ...rest] = labelled as [Labelled, ...Labelled[]];
    for (const [index, next] of rest.entries()) {
      const later = rest.slice(index + 1).map(({ labels }) => labels);
      current = contract(current, next, [...later, result].join(""));
    }
    const summed = sumOthers(current, result);
    const order = [...result].map((label) => summed.labels.indexOf(label));
    return summed.tensor.permute(order);
  });
}

function parseEquation(equation: string, operands: readonly Tensor[]) {
  const compact = equation.replaceAll(" ", "");
  const [left = "", right, ...excess] = compact.split("->");
  const terms = left.split(",");
  const isWellFormed = [...terms, right ?? ""].every((term) => /^[a-zA-Z]*$/.test(term));
  const letters = [...left.replaceAll(",", "")];
  const result =
    right ??
    [...new Set(letters)]
      .filter((label) => letters.indexOf(label) === letters.lastIndexOf(label))
      .sort()
      .join("");
  const isKnown = [...result].every(
    (label, index) => letters.includes(label) && result.indexOf(label) === index,
  );
  if (!isWellFormed || excess.length > 0 || !isKnown || terms.length !== operands.length) {
    throw new ShapeError(
      `einsum: "${equation}" does not fit ${operands.length} operands; write one term of letters for each, as in "ij,jk->ik"`,
      { equation, operands: operands.length },
    );
  }
  const sizes = new Map<string, number>();
  operands.forEach(({ shape, rank }, index) => {
    const term = terms[index] ?? "";
    if (term.length !== rank) {
      throw new ShapeError(
        `einsum: term "${term}" has ${term.length} letters, but its tensor is ${formatShape(shape)}`,
        { equation, term, shape },
      );
    }
    shape.forEach((size, axis) => {
      const label = term.charAt(axis);
      const known = sizes.get(label) ?? size;
      if (known !== size) {
        throw new ShapeError(
          `einsum: "${label}" is ${known} in one place and ${size} in another; make the sizes equal`,
          { equation, label, sizes: [known, size] },
        );
      }
      sizes.set(label, size);
    });
  });
  return { terms, result };
}

/** A letter that occurs twice in one term names the diagonal of its two dimensions. */
function withDiagonals(tensor: Tensor, labels: string): Labelled {
  const twice = [...labels].find((label, index) => labels.indexOf(label) !== index);
  if (twice === undefined) return { tensor, labels };
  const first = labels.indexOf(twice);
  const second = labels.indexOf(twice, first + 1);
  const others = tensor.shape.map((_, axis) => axis).filter((a) => a !== first && a !== second);
  const diagonal = tensor.permute([...others, first, second]).diagonal();
  const rest = others.map((axis) => labels.charAt(axis)).join("");
  return withDiagonals(diagonal, rest + twice);
}

/** Sums the dimensions that `kept` does not name. */
function sumOthers({ tensor, labels }: Labelled, kept: string): Labelled {
  const axis = [...labels].flatMap((label, index) => (kept.includes(label) ? [] : [index]));
  if (axis.length === 0) return { tensor, labels };
  const rest = [...labels].filter((label) => kept.includes(label)).join("");
  return { tensor: sum(tensor, { axis }), labels: rest };
}

/** One matrix product per pair: shared letters that are kept are batches, the others are summed. */
function contract(left: Labelled, right: Labelled, kept: string): Labelled {
  const a = sumOthers(left, right.labels + kept);
  const b = sumOthers(right, left.labels + kept);
  const shared = [...a.labels].filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => kept.includes(label));
  const inner = shared.filter((label) => !kept.includes(label));
  const rows = [...a.labels].filter((label) => !shared.includes(label));
  const columns = [...b.labels].filter((label) => !shared.includes(label));
  const product = matmul(asMatrices(a, batch, rows, inner), asMatrices(b, batch, inner, columns));
  const sizeOfLabel = (label: string) =>
    a.labels.includes(label)
      ? (a.tensor.shape[a.labels.indexOf(label)] ?? 1)
      : (b.tensor.shape[b.labels.indexOf(label)] ?? 1);
  const labels = [...batch, ...rows, ...columns];
  return { tensor: reshape(product, labels.map(sizeOfLabel)), labels: labels.join("") };
}

/** The dimensions grouped to `[batch, first, second]`. */
function asMatrices(
  { tensor, labels }: Labelled,
  batch: readonly string[],
  first: readonly string[],
  second: readonly string[],
): Tensor {
  const groups = [batch, first, second];
  const axes = groups.map((group) => group.map((label) => labels.indexOf(label)));
  const sizes = axes.map((group) =>
    group.reduce((product, axis) => product * (tensor.shape[axis] ?? 1), 1),
  );
  return reshape(tensor.permute(axes.flat()), sizes);
}

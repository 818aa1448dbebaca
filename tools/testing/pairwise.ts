/** Values to choose from, by name. */
export type Factors = Readonly<Record<string, readonly unknown[]>>;

/** One value for each factor. */
export type Choice<F extends Factors> = { readonly [Name in keyof F]: F[Name][number] };

/**
 * Choices in which every pair of values of two factors occurs: each row takes, factor by factor, the
 * value that covers the most pairs not covered yet.
 */
export function pairwise<F extends Factors>(factors: F): Choice<F>[] {
  const names = Object.keys(factors);
  const pairOf = (a: string, i: number, b: string, j: number) => `${a}=${i}&${b}=${j}`;
  const missing = new Set<string>();
  names.forEach((a, index) => {
    for (const b of names.slice(index + 1)) {
      for (const i of factors[a]!.keys()) {
        for (const j of factors[b]!.keys()) missing.add(pairOf(a, i, b, j));
      }
    }
  });
  const orderedPair = (a: string, i: number, b: string, j: number) =>
    names.indexOf(a) < names.indexOf(b) ? pairOf(a, i, b, j) : pairOf(b, j, a, i);
  const rows: Choice<F>[] = [];
  while (missing.size > 0) {
    const [seed = ""] = missing;
    const row = new Map<string, number>(
      seed.split("&").map((part) => [part.split("=")[0]!, Number(part.split("=")[1])]),
    );
    for (const name of names) {
      if (row.has(name)) continue;
      const gains = factors[name]!.map(
        (_, value) =>
          [...row].filter(([other, chosen]) => missing.has(orderedPair(name, value, other, chosen)))
            .length,
      );
      // Ties go round, so that no value is favoured.
      const best = Math.max(...gains);
      const ties = gains.flatMap((gain, value) => (gain === best ? [value] : []));
      row.set(name, ties[rows.length % ties.length]!);
    }
    const chosen = [...row];
    chosen.forEach(([a, i], index) => {
      for (const [b, j] of chosen.slice(index + 1)) missing.delete(orderedPair(a, i, b, j));
    });
    rows.push(
      Object.fromEntries(chosen.map(([name, value]) => [name, factors[name]![value]])) as Choice<F>,
    );
  }
  return rows;
}

import { ByteSet } from "./byte-set";
import type { Expression, TableExpression } from "./expression";
import type { ExpressionFactory } from "./expression-factory";

/** A state of a {@link TransitionTable}. */
export interface TableState {
  /** Whether the text may end here. */
  readonly accepts: boolean;
  /** Disjoint sets of bytes, with what follows: another state of the table, mostly. */
  readonly edges: readonly TableEdge[];
}

/** A transition. */
interface TableEdge {
  readonly bytes: ByteSet;
  readonly target: Expression;
}

/** What a {@link TransitionTable} is made from. */
export interface TableBlueprint {
  readonly accepts: boolean;
  /** Where bytes lead: to the state of that number, or to an expression. */
  readonly edges: readonly { readonly bytes: ByteSet; readonly target: number | Expression }[];
}

/** A deterministic automaton, spelled out. From each of its states an end can be reached. */
export class TransitionTable {
  /** All of them, the first at the start. */
  readonly states: readonly TableState[];
  /** The table as an expression, from its start. */
  readonly start: TableExpression;

  constructor(factory: ExpressionFactory, blueprints: readonly TableBlueprint[]) {
    const states = blueprints.map(({ accepts }) => ({ accepts, edges: [] as TableEdge[] }));
    this.states = states;
    const lengths = shortestLengths(blueprints);
    const expressions = blueprints.map(({ edges }, state) => {
      const first = edges.reduce((all, { bytes }) => all.union(bytes), ByteSet.none);
      return factory.tableState(this, state, { first, shortest: lengths[state] as number });
    });
    for (const [state, { edges }] of blueprints.entries()) {
      for (const { bytes, target } of edges) {
        const expression = typeof target === "number" ? expressions[target] : target;
        const set = factory.bytes(bytes);
        if (expression !== undefined && set.kind === "bytes") {
          states[state]?.edges.push({ bytes: set.bytes, target: expression });
        }
      }
    }
    this.start = expressions[0] as TableExpression;
  }

  /** The state that `expression`, which is of this table, stands for. */
  stateOf({ state }: TableExpression): TableState {
    return this.states[state] as TableState;
  }

  /** What `expression`, which is of this table, matches, but for the empty text. */
  nonEmpty(factory: ExpressionFactory, expression: TableExpression): Expression {
    const { edges } = this.stateOf(expression);
    return factory.alternation(
      ...edges.map(({ bytes, target }) => factory.sequence(factory.bytes(bytes), target)),
    );
  }
}

/** Bytes from each state to the nearest end. */
function shortestLengths(blueprints: readonly TableBlueprint[]): Float64Array {
  const lengths = new Float64Array(blueprints.length).fill(Number.POSITIVE_INFINITY);
  const sources = blueprints.map((): number[] => []);
  const pending: number[] = [];
  for (const [state, { accepts, edges }] of blueprints.entries()) {
    for (const { target } of edges) {
      if (typeof target === "number") sources[target]?.push(state);
      else lengths[state] = Math.min(lengths[state] as number, 1 + target.shortest);
    }
    if (accepts) lengths[state] = 0;
    if (Number.isFinite(lengths[state])) pending.push(state);
  }
  // Nearest first, but for the few states that an expression follows.
  for (let index = 0; index < pending.length; index += 1) {
    const state = pending[index] as number;
    const length = (lengths[state] as number) + 1;
    for (const source of sources[state] ?? []) {
      if (length < (lengths[source] as number)) {
        lengths[source] = length;
        pending.push(source);
      }
    }
  }
  return lengths;
}

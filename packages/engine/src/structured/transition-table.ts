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
export interface TableEdge {
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
    const expressions = blueprints.map(({ edges }, state) => {
      const first = edges.reduce((all, { bytes }) => all.union(bytes), ByteSet.none);
      return factory.tableState(this, state, first);
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

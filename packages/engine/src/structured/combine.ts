import { Automaton } from "./automaton";
import { ByteSet } from "./byte-set";
import type { Configuration } from "./configuration";
import type { Expression } from "./expression";
import { type ExpressionFactory, never } from "./expression-factory";
import { type TableBlueprint, TransitionTable } from "./transition-table";

type Side = Configuration | undefined;

interface PairState {
  readonly left: Configuration;
  readonly right: Side;
  accepts: boolean;
  readonly edges: { readonly bytes: ByteSet; readonly target: number | Expression }[];
  readonly sources: number[];
}

/**
 * What both `left` and `right` match. Neither may have rules.
 *
 * @throws {InvalidGrammarError} when it takes too many states.
 */
export function intersection(
  factory: ExpressionFactory,
  left: Expression,
  right: Expression,
): Expression {
  if (left === right) return left;
  return combine(factory, left, right, "intersection");
}

/**
 * What `left` matches and `right` does not. Neither may have rules.
 *
 * @throws {InvalidGrammarError} when it takes too many states.
 */
export function difference(
  factory: ExpressionFactory,
  left: Expression,
  right: Expression,
): Expression {
  if (right === never) return left;
  return combine(factory, left, right, "difference");
}

/** A function that says whether `expression`, which may not have rules, matches a text. */
export function matcherOf(
  factory: ExpressionFactory,
  expression: Expression,
): (text: string) => boolean {
  const automaton = new Automaton(factory);
  const encoder = new TextEncoder();
  return (text) => {
    let configuration: Configuration | undefined = automaton.start(expression);
    for (const byte of encoder.encode(text)) {
      configuration = automaton.step(configuration, byte);
      if (configuration === undefined) return false;
    }
    return automaton.stateOf(configuration).accepts;
  };
}

/** The product of two automata, without the states from which no end can be reached. */
function combine(
  factory: ExpressionFactory,
  leftExpression: Expression,
  rightExpression: Expression,
  kind: "intersection" | "difference",
): Expression {
  const automaton = new Automaton(factory);
  const end = automaton.start(factory.sequence());
  const states: PairState[] = [];
  const numbers = new Map<string, number>();
  const numberOf = (left: Configuration, right: Side): number => {
    const key = `${left.id},${right?.id ?? ""}`;
    const known = numbers.get(key);
    if (known !== undefined) return known;
    factory.countState(left.frames.length + (right?.frames.length ?? 0));
    const number = states.push({ left, right, accepts: false, edges: [], sources: [] }) - 1;
    numbers.set(key, number);
    return number;
  };
  numberOf(automaton.start(leftExpression), automaton.start(rightExpression));
  for (let number = 0; number < states.length; number += 1) {
    const state = states[number] as PairState;
    const { left, right } = state;
    const leftAccepts = automaton.stateOf(left).accepts;
    const rightAccepts = right !== undefined && automaton.stateOf(right).accepts;
    state.accepts = leftAccepts && rightAccepts === (kind === "intersection");
    for (const { bytes, leftNext, rightNext } of jointSteps(automaton, left, right)) {
      if (rightNext === undefined && kind === "intersection") continue;
      const rest = rightNext === undefined ? soleExpression(leftNext, end) : undefined;
      if (rest !== undefined) {
        state.edges.push({ bytes, target: rest });
        continue;
      }
      const target = numberOf(leftNext, rightNext);
      state.edges.push({ bytes, target });
      states[target]?.sources.push(number);
    }
  }
  return toExpression(factory, states);
}

/** The bytes that `left` can take, by where they lead on both sides. */
function jointSteps(
  automaton: Automaton,
  left: Configuration,
  right: Side,
): { bytes: ByteSet; leftNext: Configuration; rightNext: Side }[] {
  const leftClasses = automaton.stateOf(left).partition.classOfByte;
  const rightClasses = right && automaton.stateOf(right).partition.classOfByte;
  const bytesOfPair = new Map<number, number[]>();
  for (let byte = 0; byte < 256; byte += 1) {
    const leftClass = leftClasses[byte] as number;
    if (leftClass === 0) continue;
    const pair = leftClass * 2 ** 20 + (rightClasses?.[byte] ?? 0);
    const list = bytesOfPair.get(pair);
    if (list === undefined) bytesOfPair.set(pair, [byte]);
    else list.push(byte);
  }
  const steps: { bytes: ByteSet; leftNext: Configuration; rightNext: Side }[] = [];
  for (const list of bytesOfPair.values()) {
    const byte = list[0] as number;
    const leftNext = automaton.step(left, byte);
    if (leftNext === undefined) continue;
    steps.push({
      bytes: ByteSet.of(list),
      leftNext,
      rightNext: right && automaton.step(right, byte),
    });
  }
  return steps;
}

/**
 * The one expression left to match, if it is but one: where a name can no longer be one of those
 * that are excluded, the rest is any text, and read as such.
 */
function soleExpression(rest: Configuration, end: Configuration): Expression | undefined {
  const [frame] = rest.frames;
  const isSole = frame !== undefined && rest.frames.length === 1 && !rest.accepts;
  return isSole && frame.next === end && frame.expression.height <= 1
    ? frame.expression
    : undefined;
}

function toExpression(factory: ExpressionFactory, states: readonly PairState[]): Expression {
  const isLive = states.map(
    ({ accepts, edges }) => accepts || edges.some(({ target }) => typeof target !== "number"),
  );
  const pending = states.flatMap((_, number) => (isLive[number] ? [number] : []));
  for (let number = pending.pop(); number !== undefined; number = pending.pop()) {
    for (const source of states[number]?.sources ?? []) {
      if (!isLive[source]) {
        isLive[source] = true;
        pending.push(source);
      }
    }
  }
  if (!isLive[0]) return never;
  const renumbered = new Map<number, number>();
  for (const [number] of states.entries()) {
    if (isLive[number]) renumbered.set(number, renumbered.size);
  }
  const blueprints: TableBlueprint[] = [];
  for (const [number, { accepts, edges }] of states.entries()) {
    if (!isLive[number]) continue;
    blueprints.push({
      accepts,
      edges: edges.flatMap(({ bytes, target }) => {
        const own = typeof target === "number" ? renumbered.get(target) : target;
        return own === undefined ? [] : [{ bytes, target: own }];
      }),
    });
  }
  return new TransitionTable(factory, blueprints).start;
}

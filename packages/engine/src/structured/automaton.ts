import { ByteSet } from "./byte-set";
import { type BytePartition, Configuration, type Frame, type State } from "./configuration";
import type { Expression, RepetitionExpression } from "./expression";
import type { ExpressionFactory } from "./expression-factory";

/**
 * Deepest stack. A level of JSON takes four or five entries, so texts nest about 200 deep. A part is
 * only begun where it can also be completed.
 */
const maxDepth = 1024;

/** Configurations to remember before starting anew; each is some hundred bytes. */
const maxConfigurations = 60_000;

/**
 * Reads text byte by byte along an expression. Partial derivatives (Antimirov, "Partial derivatives
 * of regular expressions and finite automaton constructions", 1996) with an explicit rest give a
 * nondeterministic automaton with a stack; sets of its positions with shared rests, as in a
 * graph-structured stack (Tomita 1987), make it deterministic. Sets are built as texts reach them.
 */
export class Automaton {
  readonly #factory: ExpressionFactory;
  #end = new Configuration([], true);
  #interned = new Map<string, Configuration>();
  #partitions = new Map<string, BytePartition>();
  #configurations = 0;

  constructor(factory: ExpressionFactory) {
    this.#factory = factory;
  }

  /** Before the first byte of `expression`. */
  start(expression: Expression): Configuration {
    return this.push(expression, this.#end);
  }

  /** `expression`, and then `next`. */
  push(expression: Expression, next: Configuration): Configuration {
    if (expression.kind === "empty") return next;
    const known = next.pushed.get(expression);
    if (known !== undefined) return known;
    const made = this.#count(new Configuration([{ expression, next }], false));
    next.pushed.set(expression, made);
    return made;
  }

  /** After `byte`, or `undefined` where it cannot stand. */
  step(configuration: Configuration, byte: number): Configuration | undefined {
    const { partition, targets, leaves } = this.stateOf(configuration);
    const byteClass = partition.classOfByte[byte] as number;
    if (byteClass === 0) return undefined;
    const known = targets[byteClass];
    if (known !== undefined) return known;
    const members = partition.members[byteClass] ?? [];
    const target = this.union(members.flatMap((member) => leaves[member] ?? []));
    targets[byteClass] = target;
    return target;
  }

  /** What can come next. */
  stateOf(configuration: Configuration): State {
    configuration.state ??= this.#expand(configuration);
    return configuration.state;
  }

  /** Any of `configurations`. */
  union(configurations: readonly Configuration[]): Configuration {
    const [first = this.#end] = configurations;
    if (configurations.every((configuration) => configuration === first)) return first;
    const nexts = new Map<Expression, Configuration[]>();
    let accepts = false;
    for (const configuration of configurations) {
      accepts ||= configuration.accepts;
      for (const { expression, next } of configuration.frames) {
        const list = nexts.get(expression);
        if (list === undefined) nexts.set(expression, [next]);
        else if (!list.includes(next)) list.push(next);
      }
    }
    const frames = [...nexts]
      .map(([expression, list]): Frame => ({ expression, next: this.union(list) }))
      .sort((left, right) => left.expression.id - right.expression.id);
    return this.fromFrames(frames, accepts);
  }

  /** The configuration of these frames, sorted by the ids of their expressions. */
  fromFrames(frames: readonly Frame[], accepts: boolean): Configuration {
    const [only] = frames;
    if (only !== undefined && frames.length === 1 && !accepts) {
      return this.push(only.expression, only.next);
    }
    let key = accepts ? "." : "";
    for (const { expression, next } of frames) {
      key += `${expression.id}:${next.id},`;
    }
    const known = this.#interned.get(key);
    if (known !== undefined) return known;
    const made = this.#count(new Configuration(frames, accepts));
    this.#interned.set(key, made);
    return made;
  }

  /**
   * Forgets what was remembered when it has become much. Configurations in use stay valid. Not to
   * be called between steps whose results are compared.
   *
   * @returns Whether it was forgotten.
   */
  trim(): boolean {
    if (this.#configurations < maxConfigurations) return false;
    this.#configurations = 0;
    this.#end = new Configuration([], true);
    this.#interned = new Map();
    this.#partitions = new Map();
    return true;
  }

  #count(configuration: Configuration): Configuration {
    this.#configurations += 1;
    return configuration;
  }

  #expand(configuration: Configuration): State {
    const leaves = new Map<ByteSet, Set<Configuration>>();
    const seen = new Map<Configuration, Set<Expression>>();
    const pending: Frame[] = [];
    let { accepts } = configuration;
    const add = (expression: Expression, next: Configuration): void => {
      if (next.depth + expression.height > maxDepth) return;
      let expressions = seen.get(next);
      if (expressions === undefined) {
        expressions = new Set();
        seen.set(next, expressions);
      }
      if (expressions.has(expression)) return;
      expressions.add(expression);
      pending.push({ expression, next });
    };
    const addRest = (next: Configuration): void => {
      accepts ||= next.accepts;
      for (const frame of next.frames) add(frame.expression, frame.next);
    };
    const addLeaf = (bytes: ByteSet, next: Configuration): void => {
      const known = leaves.get(bytes);
      if (known === undefined) leaves.set(bytes, new Set([next]));
      else known.add(next);
    };
    addRest(configuration);
    for (let frame = pending.pop(); frame !== undefined; frame = pending.pop()) {
      const { expression, next } = frame;
      switch (expression.kind) {
        case "empty":
          addRest(next);
          break;
        case "bytes":
          addLeaf(expression.bytes, next);
          break;
        case "sequence":
          add(expression.head, this.push(expression.tail, next));
          break;
        case "alternation":
          for (const option of expression.options) add(option, next);
          break;
        case "repetition":
          if (expression.min === 0) addRest(next);
          add(expression.body, this.push(this.#oneLess(expression), next));
          break;
        case "rule":
          if (expression.body !== undefined) add(expression.body, next);
          break;
        case "table": {
          const { accepts: mayEnd, edges } = expression.table.stateOf(expression);
          if (mayEnd) addRest(next);
          for (const { bytes, target } of edges) addLeaf(bytes, this.push(target, next));
          break;
        }
        default:
          expression satisfies never;
      }
    }
    const partition = this.#partition([...leaves.keys()]);
    return {
      accepts,
      partition,
      leaves: Array.from(leaves.values(), (nexts) => [...nexts]),
      targets: new Array(partition.members.length).fill(undefined),
    };
  }

  /** The same repetition without bounds. */
  unbounded({ body }: RepetitionExpression): RepetitionExpression {
    return this.#factory.repetition(body, 0) as RepetitionExpression;
  }

  #oneLess({ body, min, max }: RepetitionExpression): Expression {
    return this.#factory.repetition(body, Math.max(0, min - 1), max - 1);
  }

  #partition(sets: readonly ByteSet[]): BytePartition {
    const key = sets.map((set) => set.key).join(";");
    const known = this.#partitions.get(key);
    if (known !== undefined) return known;
    const classOfByte = new Uint32Array(256);
    const members: (readonly number[])[] = [[]];
    let bytes = ByteSet.none;
    for (const [index, set] of sets.entries()) {
      bytes = bytes.union(set);
      // Each class splits into what lies in the set and what does not.
      const split = new Map<number, number>();
      for (let byte = 0; byte < 256; byte += 1) {
        if (!set.has(byte)) continue;
        const before = classOfByte[byte] as number;
        let after = split.get(before);
        if (after === undefined) {
          after = members.push([...(members[before] ?? []), index]) - 1;
          split.set(before, after);
        }
        classOfByte[byte] = after;
      }
    }
    const made = { classOfByte, members, bytes };
    this.#partitions.set(key, made);
    return made;
  }
}

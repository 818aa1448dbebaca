import { isBlockDType } from "../dtype";
import { OutOfRangeError } from "../errors";
import { formatShape } from "../shape";
import type { Tensor } from "../tensor";
import { elementTexts } from "./element-text";
import { type ExcerptPlan, planExcerpt, readCopies, readCopiesSync, readInPlace } from "./excerpt";

/** How {@link format} writes a tensor. The defaults are those of PyTorch. */
export interface FormatOptions {
  /** Digits after the point, 0 to 20. Default 4. */
  readonly precision?: number;
  /** A tensor of more elements is shown in part. Default 1000. */
  readonly maxElements?: number;
  /** Elements shown at each end of a dimension when a tensor is shown in part. Default 3. */
  readonly edgeItems?: number;
  /** Characters to a line. Default 80. */
  readonly lineWidth?: number;
  /** Whether floats are written with an exponent. Default: when their range asks for it. */
  readonly scientific?: boolean;
}

const opening = "tensor(";

/**
 * A tensor as text: its elements in aligned columns, then shape, dtype and device.
 *
 * Large tensors are shown in part, and only that part is read. Packed formats are not unpacked.
 *
 * @throws {DisposedError} after the tensor's or the device's disposal.
 * @throws {OutOfRangeError} when an option is out of its range.
 *
 * @example
 * ```ts
 * console.log(await format(tensor([[1, 2.5], [-3, 0.125]], { device }), { precision: 3 }));
 * // tensor([[ 1.000,  2.500],
 * //         [-3.000,  0.125]], shape=[2, 2], dtype=float32, device=wasm)
 * ```
 */
export async function format(tensor: Tensor, options: FormatOptions = {}): Promise<string> {
  const settings = settingsOf(options);
  tensor.device.assertUsable();
  if (isBlockDType(tensor.dtype)) return describe(tensor, "packed");
  const plan = planFor(tensor, settings);
  const isInPlace = tensor.device.access === "in-place";
  const values = isInPlace ? readInPlace(tensor, plan) : await readCopies(tensor, plan);
  return layOut(tensor, plan, values, settings);
}

/**
 * As {@link format} with its defaults, at once, and without ever throwing: what cannot be read now is
 * left out.
 */
export function formatNow(tensor: Tensor): string {
  const { device } = tensor;
  if (tensor.isDisposed) return describe(tensor, "disposed");
  if (!device.isUsable) return describe(tensor, "unreadable");
  if (isBlockDType(tensor.dtype)) return describe(tensor, "packed");
  if (device.access === "asynchronous") return describe(tensor, "...");
  const settings = settingsOf({});
  const plan = planFor(tensor, settings);
  const read = device.access === "in-place" ? readInPlace : readCopiesSync;
  return layOut(tensor, plan, read(tensor, plan), settings);
}

/** A tensor without its elements. */
export function describe(tensor: Tensor, content: string): string {
  return `${opening}${content}, ${suffixOf(tensor)}`;
}

function settingsOf({
  precision = 4,
  maxElements = 1000,
  edgeItems = 3,
  lineWidth = 80,
  scientific,
}: FormatOptions) {
  assertAtLeast("precision", precision, 0);
  assertAtLeast("maxElements", maxElements, 0);
  assertAtLeast("edgeItems", edgeItems, 1);
  assertAtLeast("lineWidth", lineWidth, 1);
  if (precision > 20) {
    throw new OutOfRangeError(`format: precision ${precision} is too fine; use 0 to 20`, {
      precision,
    });
  }
  return { precision, maxElements, edgeItems, lineWidth, scientific };
}

type Settings = ReturnType<typeof settingsOf>;

function assertAtLeast(option: string, value: number, least: number): void {
  if (value >= least && (Number.isInteger(value) || value === Infinity)) return;
  throw new OutOfRangeError(`format: ${option} is ${value}; use an integer of ${least} or more`, {
    [option]: value,
  });
}

function planFor({ shape, size }: Tensor, { maxElements, edgeItems }: Settings): ExcerptPlan {
  return planExcerpt(shape, size > maxElements ? edgeItems : Infinity);
}

function layOut(
  tensor: Tensor,
  { shape, isCut }: ExcerptPlan,
  values: Float64Array,
  settings: Settings,
): string {
  const texts = elementTexts(values, tensor.dtype, settings);
  const { lineWidth } = settings;

  /** Elements from `first` on, of dimensions `axis` and below, indented by `indent`. */
  const nest = (axis: number, first: number, indent: number): string => {
    const size = shape[axis] ?? 1;
    if (axis === shape.length) return texts[first] ?? "";
    const isRow = axis === shape.length - 1;
    const stride = shape.slice(axis + 1).reduce((product, inner) => product * inner, 1);
    const parts = Array.from({ length: size }, (_, index) =>
      nest(axis + 1, first + index * stride, indent + 1),
    );
    if (isCut[axis]) parts.splice(size / 2, 0, isRow ? " ..." : "...");
    const separator = isRow ? " " : `${"\n".repeat(shape.length - 1 - axis)}${" ".repeat(indent)}`;
    const lines = isRow ? wrapped(parts, texts[first]?.length ?? 0, lineWidth - indent) : [parts];
    return `[${lines.map((line) => line.join(`,${separator}`)).join(`,\n${" ".repeat(indent)}`)}]`;
  };

  const isEmpty = texts.length === 0;
  const body = opening + (isEmpty ? "[]" : nest(0, 0, opening.length + 1));
  const suffix = suffixOf(tensor);
  const lastLine = body.length - body.lastIndexOf("\n") - 1;
  const fits = lastLine + 2 + suffix.length <= lineWidth;
  return `${body},${fits ? " " : `\n${" ".repeat(opening.length)}`}${suffix}`;
}

/** A row's elements, as many to a line as fit. */
function wrapped(parts: readonly string[], width: number, lineWidth: number): string[][] {
  const perLine = Math.max(1, Math.floor((lineWidth + 1) / (width + 2)));
  const lines: string[][] = [];
  for (let at = 0; at < parts.length; at += perLine) lines.push(parts.slice(at, at + perLine));
  return lines;
}

function suffixOf({ shape, dtype, device }: Tensor): string {
  return `shape=${formatShape(shape)}, dtype=${dtype}, device=${device.name})`;
}

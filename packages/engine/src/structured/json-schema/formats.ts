import { schemaError } from "../errors";
import { stringAt } from "./keyword-values";

/**
 * The formats of strings that are enforced, as regular expressions of the whole string. They allow
 * what is usual rather than all that the standards do, and never more than the standards do.
 */
export const stringFormats: ReadonlyMap<string, string> = buildFormats();

/** The formats of numbers in OpenAPI; only int32 restricts what a number may be here. */
const numberFormats: ReadonlySet<string> = new Set(["int32", "int64", "float", "double"]);

/** Formats of OpenAPI that are hints for whoever shows the string. */
const hints: ReadonlySet<string> = new Set(["password", "binary"]);

/**
 * The name of a format.
 *
 * @throws {InvalidGrammarError} for one that cannot be enforced.
 */
export function knownFormat(value: unknown, path: string): string {
  const name = stringAt(value, path);
  if (stringFormats.has(name) || numberFormats.has(name) || hints.has(name)) return name;
  throw schemaError(
    path,
    `the format ${JSON.stringify(name)} cannot be enforced`,
    `use one of ${[...stringFormats.keys()].join(", ")}, or a pattern`,
    { keyword: "format", value: name },
  );
}

function buildFormats(): Map<string, string> {
  const leapYear = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)";
  const date = `([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|${leapYear}-02-29)`;
  const hours = "([01][0-9]|2[0-3])";
  const clock = `${hours}:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?`;
  const time = `${clock}(Z|[+-]${hours}:[0-5][0-9])`;
  // At most 63 characters in a label, and 253 in all.
  const label = "[A-Za-z0-9]{1,20}(-[A-Za-z0-9]{1,18}){0,2}";
  const hostname = `${label}(\\.${label}){0,3}`;
  const byte = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
  const ipv4 = `${byte}(\\.${byte}){3}`;
  const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}";
  const pathCharacter = "([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";
  const count = "[0-9]{1,9}";
  const seconds = `${count}S`;
  const minutes = `${count}M(${seconds})?`;
  const timeOfDuration = `T(${count}H(${minutes})?|${minutes}|${seconds})`;
  const days = `${count}D`;
  const months = `${count}M(${days})?`;
  const hex = "[0-9A-Fa-f]";
  return new Map([
    ["date", date],
    ["time", time],
    ["date-time", `${date}T${time}`],
    // RFC 3339, appendix A.
    [
      "duration",
      `P(${count}W|(${days}|${months}|${count}Y(${months})?)(${timeOfDuration})?|${timeOfDuration})`,
    ],
    ["email", `${atom}(\\.${atom}){0,2}@${label}(\\.${label}){0,2}\\.[A-Za-z]{2,20}`],
    ["hostname", hostname],
    ["ipv4", ipv4],
    ["ipv6", ipv6()],
    ["uuid", `${hex}{8}-${hex}{4}-${hex}{4}-${hex}{4}-${hex}{12}`],
    [
      "uri",
      `[A-Za-z][A-Za-z0-9+.-]{0,15}://${hostname}(:[0-9]{1,5})?(/${pathCharacter}*)*(\\?(${pathCharacter}|[/?])*)?(#(${pathCharacter}|[/?])*)?`,
    ],
    ["json-pointer", "(/([^~/]|~[01])*)*"],
  ]);
}

/** Groups of up to four hexadecimal digits: eight, or fewer with one gap (RFC 4291, section 2.2). */
function ipv6(): string {
  const group = "[0-9A-Fa-f]{1,4}";
  const groups = (most: number) => `(${group}(:${group}){0,${most - 1}})?`;
  const withGap = Array.from({ length: 7 }, (_, before) => {
    const head = before === 0 ? "" : `${group}(:${group}){${before - 1}}`;
    return `${head}::${groups(7 - before)}`;
  });
  return `(${group}(:${group}){7}|${withGap.join("|")})`;
}

import type { z } from "zod";
import { ApiError } from "../api-error";

/**
 * The request in `body`, its known fields checked and the others left out.
 *
 * @throws {ApiError} 400 that names the field, its value's kind and what it should be.
 */
export function parseRequest<Schema extends z.ZodType>(
  schema: Schema,
  body: unknown,
): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const { path, message } = deepestIssue(parsed.error.issues);
  const param = formatPath(path);
  throw new ApiError(param === "" ? message : `${param}: ${message}`, {
    status: 400,
    param: param === "" ? null : param,
    code: "invalid_value",
  });
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Of a value that fits none of several forms, the complaint of the form that it comes closest to. */
function deepestIssue(issues: readonly z.core.$ZodIssue[]): Issue {
  const [issue] = issues;
  if (issue === undefined) return { path: [], message: "the request is invalid" };
  if (issue.code !== "invalid_union") return issue;
  const nested = issue.errors.map(deepestIssue);
  const depth = Math.max(0, ...nested.map(({ path }) => path.length));
  const closest = nested.find(({ path }) => path.length === depth);
  if (depth === 0 || closest === undefined) {
    const kinds = nested.map(({ message }) => message.replace(/^Invalid input: /, ""));
    const message = kinds.length > 0 ? `Invalid input: ${kinds.join("; or ")}` : issue.message;
    return { path: issue.path, message };
  }
  return { path: [...issue.path, ...closest.path], message: closest.message };
}

/** As one writes it in code: `messages[0].content`. */
function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) =>
      typeof key === "number" ? `[${key}]` : `${index > 0 ? "." : ""}${String(key)}`,
    )
    .join("");
}

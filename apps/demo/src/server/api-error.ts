/** Kinds of error that the OpenAI API names. */
type ApiErrorType =
  | "invalid_request_error"
  | "authentication_error"
  | "rate_limit_error"
  | "server_error";

/** The body of every answer that is an error. */
export interface ApiErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: ApiErrorType;
    /** The field of the request that is at fault. */
    readonly param: string | null;
    readonly code: string | null;
  };
}

/** What an {@link ApiError} says besides its message. */
export interface ApiErrorOptions {
  readonly status: number;
  readonly type?: ApiErrorType;
  readonly param?: string | null | undefined;
  readonly code?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that cannot be answered, in the words that its sender gets. */
export class ApiError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ApiErrorBody;

  constructor(message: string, options: ApiErrorOptions) {
    super(message);
    const { status, type = "invalid_request_error", param = null, code = null } = options;
    this.status = status;
    this.headers = options.headers ?? {};
    this.body = { error: { message, type, param, code } };
  }

  toResponse(): Response {
    return Response.json(this.body, { status: this.status, headers: this.headers });
  }
}

/** A request whose field `param` is at fault. */
export function invalidField(param: string, message: string): ApiError {
  return new ApiError(message, { status: 400, param, code: "invalid_value" });
}

/** The client has left. Nobody reads this, but metrics count it. */
export function clientLeft(): ApiError {
  return new ApiError("the client closed the request", { status: 499, code: "client_closed" });
}

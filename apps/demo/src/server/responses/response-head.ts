/** Fields that begin every answer and every piece of a streamed one. */
export interface ResponseHead<Kind extends string> {
  readonly id: string;
  readonly object: Kind;
  /** In seconds. */
  readonly created: number;
  readonly model: string;
}

/** The head of a new answer. */
export function responseHead<Kind extends string>(
  prefix: string,
  object: Kind,
  model: string,
): ResponseHead<Kind> {
  const id = `${prefix}-${crypto.randomUUID().replaceAll("-", "")}`;
  return { id, object, created: Math.floor(Date.now() / 1000), model };
}

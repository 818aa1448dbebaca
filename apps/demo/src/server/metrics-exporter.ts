/** Where metrics are kept; what keeps them may be any library. */
export interface MetricsExporter {
  readonly contentType: string;
  /**
   * All metrics as text.
   *
   * @param numWaiting - Requests that wait outside the engine.
   */
  render(numWaiting: number): Promise<string>;
  /** Called for every answer. `handler` is the route's path, or `none` for a path that is none. */
  countRequest(method: string, handler: string, status: number): void;
}

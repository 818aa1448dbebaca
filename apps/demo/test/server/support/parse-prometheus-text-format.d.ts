declare module "parse-prometheus-text-format" {
  /** A metric with all its samples; a histogram's sample has `count`, `sum` and `buckets`. */
  interface ParsedMetric {
    readonly name: string;
    readonly help: string;
    readonly type: string;
    readonly metrics: readonly {
      readonly labels?: Readonly<Record<string, string>>;
      readonly value?: string;
      readonly count?: string;
      readonly sum?: string;
      readonly buckets?: Readonly<Record<string, string>>;
    }[];
  }
  export default function parsePrometheus(text: string): ParsedMetric[];
}

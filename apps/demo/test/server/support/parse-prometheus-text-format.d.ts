declare module "parse-prometheus-text-format" {
  /** A metric with its samples; those of a histogram have no `value`. */
  interface ParsedMetric {
    readonly name: string;
    readonly help: string;
    readonly type: string;
    readonly metrics: readonly {
      readonly labels?: Readonly<Record<string, string>>;
      readonly value?: string;
    }[];
  }
  export default function parsePrometheus(text: string): ParsedMetric[];
}

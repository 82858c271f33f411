/** The package has no types of its own. */
declare module "parse-prometheus-text-format" {
  interface Series {
    readonly labels?: Readonly<Record<string, string>>
    /** Of counters and gauges. */
    readonly value?: string
  }
  interface Family {
    readonly name: string
    readonly type: string
    readonly metrics: ReadonlyArray<Series>
  }
  export default function parse(text: string): ReadonlyArray<Family>
}

/**
 * How an error that comes late is shown while the program stops because it was told to: in one line. What it says and
 * where in the program it was made is worth reading then; the rest of its stack is the way of our own cancel.
 */
import { errorText } from "../kernel/describe.js"
import { programFrame } from "../kernel/sites.js"
import type { Report } from "../kernel/Report.js"

let stopping = false

/** A signal has told the program to stop, or that is over. */
export const showInBrief = (brief: boolean): void => {
  stopping = brief
}

const frameOf = (exception: unknown): string | undefined => {
  try {
    if (!(exception instanceof Error)) return undefined
    const frames = exception.stack?.split("\n").filter((line) => /^\s+at /.test(line))
    return programFrame(frames?.join("\n"))
  } catch {
    return undefined // Its stack cannot be read.
  }
}

/** A report as it is logged. In debug mode nothing of it is left out; a handler of the program gets it whole. */
export const inBrief = (report: Report, debug: boolean): Report => {
  if (!stopping || debug || report.kind !== "late" || !("exception" in report)) return report
  const { exception, ...rest } = report
  const frame = frameOf(exception)
  const where = frame === undefined ? "" : `, at ${frame}`
  return { ...rest, message: `${report.message} (${errorText(exception)}${where})` }
}

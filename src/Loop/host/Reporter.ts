/** The loop's own exception handler: each report in the Effect logger, at a fitting level; what crashes, crashes. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { contextOf, forkWith, logAt, observe, type FiberState } from "../../effect.js"
import { errorText, textOf } from "../kernel/describe.js"
import type { Report } from "../kernel/Report.js"

/** Where a report comes from, in words: its message, which names a callback, and the task or future in it. */
export const reportSource = (report: Report): string => {
  const source = report.task ?? report.future
  return source === undefined ? report.message : `${report.message}: ${textOf(source)}`
}

const levelOf = (report: Report): "warning" | "error" => {
  switch (report.kind) {
    case "late":
    case "slowJoin":
    case "slowCallback":
    case "leftover":
      return "warning"
    default:
      return "error"
  }
}

/** Logs as a fiber would that has this state: with its loggers and annotations. What a failing logger loses, stderr gets. */
export const logAs = (
  state: FiberState,
  level: "warning" | "error",
  message: string,
  annotations: Record<string, unknown>,
  cause: Cause.Cause<unknown> | undefined
): void =>
  observe(forkWith(logAt(level, message, annotations, cause), state, contextOf(state)), (exit) => {
    if (Exit.isFailure(exit)) console.error(message, cause ?? "", exit.cause)
  })

/** Logs a report of a loop. */
export const logReport = (state: FiberState, loop: string, report: Report): void => {
  const exception = "exception" in report ? Cause.die(report.exception) : undefined
  const where =
    report.sourceTraceback === undefined
      ? ""
      : `\nobject created at (innermost first):\n${report.sourceTraceback}`
  const inner =
    report.context === undefined
      ? ""
      : `\nwhile handling: ${report.context.message}` +
        ("exception" in report.context ? ` (${errorText(report.context.exception)})` : "")
  const message = reportSource(report) + inner + where
  logAs(state, levelOf(report), message, { loop, kind: report.kind ?? "report" }, exception)
}

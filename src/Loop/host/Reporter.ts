/** The loop's own exception handler: each report in the Effect logger, at a fitting level; what crashes, crashes. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import {
  contextOf,
  forksIn,
  hasLogger,
  logAt,
  observe,
  type FiberState,
  type LogLevel
} from "../../effect.js"
import { errorText, oneLine, textOf } from "../kernel/describe.js"
import { outputIsBroken } from "./brokenOutput.js"
import { lastLine } from "./lastLine.js"
import type { Report, ReportKind } from "../kernel/Report.js"

/** Names the source of a report: by its message, which names a callback, and the task or Future in it. */
export const reportSource = (report: Report): string => {
  const source = report.task ?? report.future
  return source === undefined ? report.message : `${report.message}: ${textOf(source)}`
}

const levelOf = (report: Report): "warning" | "error" => {
  switch (report.kind) {
    case "late":
    case "slowJoin":
    case "slowCallback":
    case "slowTask":
    case "leftover":
      return "warning"
    default:
      return "error"
  }
}

/**
 * Logs as a fiber of this state would: with its loggers and annotations. What a failing logger loses, and what a standard
 * output loses that cannot be written any more, stderr gets. Never throws.
 */
export const logAs = (
  state: FiberState,
  level: LogLevel,
  message: string,
  annotations: Record<string, unknown>,
  cause: Cause.Cause<unknown> | undefined
): void => {
  try {
    observe(forksIn(state, contextOf(state))(logAt(level, message, annotations, cause)), (exit) => {
      if (Exit.isFailure(exit)) toStderr(message, cause, Cause.pretty(exit.cause))
      else if (outputIsBroken()) toStderr(message, cause)
    })
  } catch (error) {
    toStderr(message, cause, error)
  }
}

/** What a Cause is about, where all of it cannot be shown: an error that is its own cause, for one. Never throws. */
const inShort = (cause: Cause.Cause<unknown> | undefined): string => {
  try {
    return cause === undefined ? "" : `: ${oneLine(errorText(Cause.squash(cause)))}`
  } catch {
    return ""
  }
}

/** The last resort of a report. What cannot be shown there is shown in short. */
const toStderr = (
  message: string,
  cause: Cause.Cause<unknown> | undefined,
  ...more: Array<unknown>
): void => {
  try {
    console.error(message, cause === undefined ? "" : Cause.pretty(cause), ...more)
  } catch {
    lastLine(message + inShort(cause))
  }
}

/** The reports that say why something does not end. */
const waits: ReadonlySet<ReportKind | undefined> = new Set(["slowJoin", "slowTask", "circle", "leftover"])

const wholeTextOf = (report: Report): string => {
  const where =
    report.sourceTraceback === undefined
      ? ""
      : `\nobject created at (innermost first):\n${report.sourceTraceback}`
  const inner =
    report.context === undefined
      ? ""
      : `\nwhile handling: ${report.context.message}` +
        ("exception" in report.context ? ` (${errorText(report.context.exception)})` : "")
  return reportSource(report) + inner + where
}

/** A report as text; its message alone where something in it cannot be shown. */
const reportText = (report: Report): string => {
  try {
    return wholeTextOf(report)
  } catch {
    return report.message
  }
}

/** Logs a report of a loop. Never throws. */
export const logReport = (state: FiberState, loop: string, report: Report): void => {
  const exception = "exception" in report ? Cause.die(report.exception) : undefined
  const text = reportText(report)
  logAs(state, levelOf(report), text, { loop, kind: report.kind ?? "report" }, exception)
  // The fiber of a test has no logger, and a test that hangs without a word tells nobody what it leaks.
  if (waits.has(report.kind) && !hasLogger(state)) toStderr(text, undefined)
}

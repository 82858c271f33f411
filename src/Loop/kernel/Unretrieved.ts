/**
 * Failures that nobody has looked at: found when the Future is collected, or when the loop closes, whichever is first,
 * and reported once. The record holds the error, never the Future, so that looking for leaks does not make one.
 *
 * Differs: asyncio reports when the Future is collected, and at no other time. A FinalizationRegistry may never call
 * back, so closing the loop reports what is left.
 */
import { textOf } from "./describe.js"
import { siteOf } from "./sites.js"
import type { Context } from "./Context.js"
import type { Scheduler, Unretrieved } from "./ports.js"
import type { Report } from "./Report.js"

class Failure implements Unretrieved {
  constructor(
    readonly log: UnretrievedLog,
    readonly text: string,
    readonly kind: string,
    readonly exception: unknown,
    readonly context: Context | undefined,
    readonly sourceTraceback: string | undefined
  ) {}

  retrieved(): void {
    if (this.log.failures.delete(this)) collected.unregister(this)
  }
}

const collected = new FinalizationRegistry<Failure>((failure) => {
  if (failure.log.failures.delete(failure)) failure.log.report(failure)
})

/**
 * V8 keeps everything that was on an error's stack alive until the stack is first read, the task among it: its failure
 * would never be found. So that of the error, of its causes and of the errors that it collects is read.
 */
const letGoOfFrames = (exception: unknown, depth = 0): void => {
  try {
    if (!(exception instanceof Error) || depth > 8) return
    void exception.stack
    letGoOfFrames(exception.cause, depth + 1)
    if (exception instanceof AggregateError) {
      for (const error of exception.errors) letGoOfFrames(error, depth + 1)
    }
  } catch {
    // It cannot be read, or a getter throws; then it is nobody's concern here.
  }
}

/** @internal */
export class UnretrievedLog {
  readonly failures = new Set<Failure>()
  constructor(private readonly scheduler: Scheduler) {}

  add(future: object, kind: string, exception: unknown, context: Context | undefined): Unretrieved {
    const failure = new Failure(this, textOf(future), kind, exception, context, siteOf(future))
    letGoOfFrames(exception)
    this.failures.add(failure)
    collected.register(future, failure, failure)
    return failure
  }

  /** Reports every failure that is still here. */
  flush(): void {
    const failures = [...this.failures]
    this.failures.clear()
    for (const failure of failures) {
      collected.unregister(failure)
      this.report(failure)
    }
  }

  report(failure: Failure): void {
    const { sourceTraceback } = failure
    const { scheduler } = this
    const tell = (report: Report): void => scheduler.callExceptionHandler(report)
    const report: Report = {
      kind: "unretrieved",
      message: `${failure.kind} exception was never retrieved: ${failure.text}`,
      exception: failure.exception,
      ...(sourceTraceback === undefined ? {} : { sourceTraceback })
    }
    scheduler.host.contexts.call(failure.context, scheduler, undefined, tell, report)
  }
}

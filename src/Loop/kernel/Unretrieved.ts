/**
 * Failures that nobody has looked at: found when the Future is collected, or when the loop closes, whichever is first,
 * and reported once. The record holds the error, never the Future, so that looking for leaks does not make one.
 */
import { siteOf } from "./describe.js"
import type { Context, Scheduler, Unretrieved } from "./ports.js"

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

/** V8 keeps what is in an error's frames, a task among them, until the stack is first read: then only the text. */
const readStack = (error: unknown): void => {
  try {
    if (error instanceof Error) void error.stack
  } catch {
    // It cannot be read; then it is nobody's concern here.
  }
}

const collected = new FinalizationRegistry<Failure>((failure) => {
  if (failure.log.failures.delete(failure)) failure.log.report(failure)
})

/**
 * V8 keeps everything that was on an error's stack alive until the stack is first read, the task among it: its failure
 * would never be found.
 */
const letGoOfFrames = (exception: unknown): void => {
  try {
    for (
      let error = exception, depth = 0;
      error instanceof Error && depth < 8;
      error = error.cause, depth++
    ) {
      void error.stack
    }
  } catch {
    // A getter that throws.
  }
}

/** @internal */
export class UnretrievedLog {
  readonly failures = new Set<Failure>()
  constructor(private readonly scheduler: Scheduler) {}

  add(future: object, kind: string, exception: unknown, context: Context | undefined): Unretrieved {
    readStack(exception)
    const failure = new Failure(this, String(future), kind, exception, context, siteOf(future))
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
    this.scheduler.host.contexts.call(
      failure.context,
      this.scheduler,
      undefined,
      (report: Parameters<Scheduler["callExceptionHandler"]>[0]) =>
        this.scheduler.callExceptionHandler(report),
      {
        kind: "unretrieved",
        message: `${failure.kind} exception was never retrieved: ${failure.text}`,
        exception: failure.exception,
        ...(sourceTraceback === undefined ? {} : { sourceTraceback })
      }
    )
  }
}

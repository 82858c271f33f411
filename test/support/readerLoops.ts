/** Loops for tests of readers and writers, and waiting in turns of Node's own loop. */
import { Effect } from "effect"
import { type EventLoop, Loop, type LoopOptions, type Report } from "../../src/index.js"
import { scoped } from "./scopedLoops.js"

/** One turn: what is ready in the system is taken up in the next. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** So many turns that whatever is ready has been told of several times. */
export const settled = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await turn()
}

/** Turns until it is so. The test's own timeout ends it otherwise. */
export const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await turn()
}

/** An expectation that failed in a callback is a report like any other, and must not be lost among them. */
const rethrow = (reports: ReadonlyArray<Report>): void => {
  for (const { exception } of reports) {
    if (exception instanceof Error && exception.name === "AssertionError") throw exception
  }
}

/** Runs the test with an open loop, whose reports are kept, and closes it in order. */
export const withLoop = (
  body: (loop: EventLoop, reports: ReadonlyArray<Report>) => Promise<unknown>,
  options: LoopOptions = {}
): Promise<void> => {
  const reports: Array<Report> = []
  return Effect.runPromise(
    scoped(
      Effect.flatMap(Loop, (loop) => Effect.promise(async () => void (await body(loop, reports)))),
      { exceptionHandler: (_, report) => void reports.push(report), ...options }
    )
  ).finally(() => rethrow(reports))
}

/** How many readers and writers a loop has. */
export const watched = (loop: EventLoop): readonly [readers: number, writers: number] => {
  const { readers, writers } = loop.statistics()
  return [readers, writers]
}

/** What a call throws, in short. */
export const thrown = (f: () => unknown): Record<string, unknown> => {
  try {
    f()
  } catch (error) {
    const { code, message, name } = error as Error & { code?: unknown }
    return { name, message, ...(code === undefined ? {} : { code }) }
  }
  throw new Error("it did not throw")
}

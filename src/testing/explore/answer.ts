/** What comes from outside in an explored program, when the schedule says so. */
import { describeValue, oneLine } from "../../Loop/kernel/describe.js"
import type { Future } from "../../Loop/kernel/Future.js"
import { runningLoop } from "../../Loop/kernel/BaseEventLoop.js"

/**
 * A Future that stands for what a program waits for outside of it, such as a row of a database: under `TestLoop.explore` it comes at any
 * time, and in any order with others; on every other loop in the next pass. A function is called when it comes, and what it
 * throws is the failure. Called by code of the loop; where there is none, throws `NoRunningLoopError`.
 *
 * **Flavor** aio. **Cancel** settles it at once; what comes later is dropped. **Loop closed** throws `LoopClosedError`.
 *
 * @example
 * import { TestLoop } from "effect-aio/testing"
 *
 * const program = fromAio(async function load() {
 *   const rows: Array<string> = []
 *   const add = async (row: string) => rows.push(await TestLoop.answer(row, { name: row }))
 *   await Promise.all([add("a"), add("b")])
 *   if (rows[0] !== "a") throw new Error(`${rows.join(" ")} came`)
 * })
 * const failed = await Effect.runPromise(Effect.flip(TestLoop.explore(program(), { seeds: 100 })))
 * console.log(failed._tag, String(failed.cause)) // => ScheduleError AioError: load failed: b a came
 *
 * @category testing
 * @since 0.1.0
 */
export const answer = <A>(value: A | (() => A), options: { readonly name?: string } = {}): Future<A> => {
  const { name = "an answer" } = options
  if (typeof name !== "string") {
    throw new TypeError(`the name of TestLoop.answer is a string, not ${describeValue(name)}`)
  }
  const loop = runningLoop("TestLoop.answer")
  loop._refuse("TestLoop.answer")
  const future = loop.createFuture<A>()
  const deliver = (): void => {
    if (future.done()) return
    try {
      future.setResult(typeof value === "function" ? (value as () => A)() : value)
    } catch (error) {
      if (!future.done()) future.setException(error)
    }
  }
  const { host } = loop
  if (host.arrives === undefined) loop.callSoon(deliver)
  else host.arrives({ name: oneLine(name) }, deliver)
  return future
}

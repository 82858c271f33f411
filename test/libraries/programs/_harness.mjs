/**
 * How every program of the matrix is run: it opens its resource, makes its call, and says so when that is at work; run.mjs
 * does the rest. `MODE=timeout` bounds the call by 300 ms and says how late it came back.
 */
import { Effect } from "effect"
import { Loop } from "effect-aio"

/** Where the server of the program is. */
export const url = process.env.PEER ?? ""

/** Printed when the call is at work. `after` milliseconds let it get there where nobody tells. */
const ready = (after) =>
  Effect.zipRight(
    Effect.sleep(after),
    Effect.sync(() => console.log("ready"))
  )

const LIMIT = 300

/**
 * `open` gives what `call` works with, `call` takes long. Both are Effects of the recipe; `options` are those of the loop.
 */
export const program = ({ after = 300, call, open, options }) =>
  Loop.run(
    Effect.gen(function* () {
      const opened = yield* open
      if (process.env.MODE === "timeout") {
        const began = performance.now()
        yield* Effect.ignore(Effect.timeout(call(opened), LIMIT))
        console.log(`late ${Math.round(performance.now() - began - LIMIT)}`)
        return
      }
      yield* Effect.forkScoped(ready(after))
      yield* call(opened)
      yield* Effect.never
    }).pipe(Effect.scoped),
    options
  )

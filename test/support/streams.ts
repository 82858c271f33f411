// Iterables for the tests of Streams, and what became of a Stream.
import { Cause, Chunk, Effect, Exit, Stream } from "effect"
import { getRunningLoop } from "../../src/index.js"

/** The items of a Stream, in the chunks in which they came. */
export const chunksOf = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Effect.map(Stream.runCollect(Stream.chunks(stream)), (chunks) =>
    Chunk.toArray(chunks).map((chunk) => Chunk.toArray(chunk))
  )

export const all = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Effect.map(Stream.runCollect(stream), Chunk.toArray)

export const failureOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Chunk.toArray(Cause.failures(exit.cause))[0] : undefined

export const defectsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> =>
  Exit.isFailure(exit) ? Chunk.toArray(Cause.defects(exit.cause)) : []

export const item = <A>(value: A) => ({ done: false as const, value })
export const end = { done: true as const, value: undefined }

/** An async generator of the numbers from 1 on, which logs what is done with it. */
export const counting = (log: Array<unknown>, to = Infinity) =>
  async function* numbers(): AsyncGenerator<number> {
    log.push("open")
    try {
      for (let n = 1; n <= to; n++) {
        log.push(`next ${n}`)
        yield n
      }
    } finally {
      log.push("returning")
      await getRunningLoop().sleep(0)
      log.push("returned")
    }
  }

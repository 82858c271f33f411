// What the handlers use: something that is opened and closed, counts what it is doing, and fails who comes too late.
import { Console, Data, Effect } from "effect"

export class NoSuchUser extends Data.TaggedError("NoSuchUser")<{ readonly id: string }> {
  override get message(): string {
    return `there is no user ${this.id}`
  }
}

export interface Database {
  readonly find: (id: string) => Effect.Effect<{ readonly id: string; readonly name: string }, NoSuchUser>
  /** Notes who has been here. */
  readonly note: (who: string) => Effect.Effect<void>
}

export const openDatabase = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => ({ open: true, queries: 0, busy: 0 })),
    (state) =>
      Effect.suspend(() => {
        state.open = false
        return Console.log(`database closed after ${state.queries} queries, ${state.busy} of them running`)
      })
  ),
  (state): Database => {
    const query = <A, E>(ms: number, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.suspend(() => {
        if (!state.open) return Effect.die(new Error("the database is closed"))
        state.queries++
        state.busy++
        return Effect.ensuring(
          Effect.zipRight(Effect.sleep(ms), effect),
          Effect.sync(() => state.busy--)
        )
      })
    return {
      find: (id) =>
        query(
          5,
          Number(id) < 1_000
            ? Effect.succeed({ id, name: `user ${id}` })
            : Effect.fail(new NoSuchUser({ id }))
        ),
      note: () => query(1, Effect.void)
    }
  }
)

/**
 * What a program has given a name to: an Effect while it runs, and what it has opened while that is closed. Nothing waits
 * for it that did not before. It has a row in every report, so that a shutdown which hangs in code that knows no loop, such
 * as the finalizer of a server, says in which.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { currentFiber, heldFor, wasTold } from "../../effect.js"
import { linked } from "../fiber/links.js"
import { tellIfSlow } from "../fiber/SlowJoin.js"
import type { Home, Leftover, NamedRow } from "../ports.js"

/** One of them, while it runs. */
class Named implements NamedRow {
  readonly #startedAt: number
  readonly #fiber = currentFiber()

  constructor(
    private readonly loop: Home,
    readonly name: string,
    /** Whether it is a finalizer, or closes what was opened under the name before. */
    private readonly closes: boolean,
    private readonly createdAt: () => string
  ) {
    this.#startedAt = loop.time()
  }

  describe(): Leftover {
    const told = this.#fiber !== undefined && wasTold(this.#fiber)
    return linked(
      {
        what: this.closes ? "finalizer" : "effect",
        name: this.name,
        age: this.loop.time() - this.#startedAt,
        state: this.closes ? "closing" : told ? "interrupting" : "running",
        waitingOn: "its fiber",
        createdAt: this.createdAt(),
        blamed: true
      },
      [this],
      this.#fiber === undefined ? [] : [this.#fiber]
    )
  }
}

/** Runs an effect with its row. That of a closing says by itself when it takes long, because often nobody else is there to. */
const listed = <A, E, R>(
  loop: Home,
  name: string,
  opened: boolean,
  createdAt: () => string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const held = heldFor()
    const closes = opened || held === "told" || held === "closing"
    const row = new Named(loop, name, closes, createdAt)
    const rows = loop._closing.named
    rows.add(row)
    const notSlow = closes
      ? tellIfSlow(loop, () => ({
          message: `closing ${name} (${createdAt()}) has taken ${loop._slowJoin}ms and has not ended`
        }))
      : () => {}
    return Effect.ensuring(
      effect,
      Effect.sync(() => {
        notSlow()
        rows.delete(row)
      })
    )
  })

/**
 * `effect` under a name. Where there is a Scope, it gets one of its own in that, and closing this one is done under the
 * name, too.
 */
export const named = <A, E, R>(
  loop: Home,
  name: string,
  createdAt: () => string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.context<R>(), (context) => {
    const run = listed(loop, name, false, createdAt, effect)
    const outer = Context.getOption(context as Context.Context<Scope.Scope>, Scope.Scope)
    if (outer._tag === "None") return run
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const own = yield* Scope.make()
        const close = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
          listed(loop, name, true, createdAt, Scope.close(own, exit))
        yield* Scope.addFinalizerExit(outer.value, close)
        return yield* restore(Effect.provideService(run, Scope.Scope, own))
      })
    )
  })

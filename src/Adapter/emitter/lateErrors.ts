/**
 * The errors of an emitter whose Stream has ended. Node's EventEmitter throws an `"error"` that nobody listens to, and there
 * may be a second one: pg's Client emits two when its server dies. So a listener stays behind, which reports such an error
 * as `late`, until the Scope in which the Stream was run has closed, or where there is none the loop.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { outsideFibers } from "../../effect.js"
import { isAbortError } from "../../Loop/kernel/errors.js"
import type { Settleable } from "../../Loop/kernel/ports.js"
import type { Home } from "../../Loop/ports.js"
import type { Emitter, EmitterListener } from "./Emitter.js"

/** The event that Node's emitters throw where nobody listens to it. */
const ERROR = "error"

/** What of this library listens to the errors of one emitter. */
interface Listening {
  /** Runs of Streams that go on: they are told. */
  runs: number
  /** Listeners that stayed behind: the first one reports. */
  readonly behind: Set<EmitterListener>
}

const listening = new WeakMap<object, Listening>()

const listeningTo = (emitter: object): Listening => {
  const known = listening.get(emitter) ?? { runs: 0, behind: new Set() }
  listening.set(emitter, known)
  return known
}

/** Whether the program itself, or another library, has a listener for the errors: then they are theirs. */
const othersListen = (emitter: object, { behind }: Listening): boolean => {
  const { listenerCount } = emitter as { readonly listenerCount?: unknown }
  if (typeof listenerCount !== "function") return false
  return Number(listenerCount.call(emitter, ERROR)) > behind.size
}

/** A run listens to the errors of an emitter, until the result is called. */
export const runListens = (emitter: object): (() => void) => {
  const of = listeningTo(emitter)
  of.runs++
  return () => void of.runs--
}

/**
 * The listeners that stay behind for one Scope, or for a loop. It keeps no emitter from being collected, and no trace of
 * one that was.
 *
 * Legal states: open; released, when it takes nothing more.
 */
export class LateErrors implements Settleable {
  readonly _idle = true
  readonly #emitters = new Set<WeakRef<object>>()
  readonly #removals = new WeakMap<object, () => void>()
  readonly #collected = new FinalizationRegistry<WeakRef<object>>((ref) => void this.#emitters.delete(ref))
  #released = false

  constructor(private readonly loop: Home) {}

  /** A Stream over `emitter` has ended, by `error` if by one. */
  stayBehind(emitter: object, { add, remove }: Emitter, name: string, ending: unknown): void {
    if (this.#released || this.#removals.has(emitter)) return
    const of = listeningTo(emitter)
    const lateError: EmitterListener = (error) => {
      const [first] = of.behind
      // An emitter may call a listener that was added while it calls the others.
      if (of.runs > 0 || first !== lateError || (ending !== undefined && error === ending)) return
      // Node emits an AbortError on a stream that somebody has left before its end: that is no failure.
      if (isAbortError(error) || othersListen(emitter, of)) return
      outsideFibers(() =>
        this.loop.callExceptionHandler({
          kind: "late",
          message: `${name} failed when its Stream had ended`,
          exception: error
        })
      )
    }
    add(ERROR, lateError)
    of.behind.add(lateError)
    this.#removals.set(emitter, () => {
      of.behind.delete(lateError)
      remove(ERROR, lateError)
    })
    const ref = new WeakRef(emitter)
    this.#emitters.add(ref)
    this.#collected.register(emitter, ref)
  }

  /** Takes all listeners away. */
  release(): void {
    this.#released = true
    for (const ref of this.#emitters) {
      const emitter = ref.deref()
      if (emitter === undefined) continue
      try {
        this.#removals.get(emitter)?.()
      } catch {
        // Its Stream has told of that, when it took its own listeners away.
      }
    }
    this.#emitters.clear()
  }

  /** @internal The loop is closed. */
  _closed(): void {
    this.release()
  }
}

const ofLoops = new WeakMap<Home, LateErrors>()
const ofScopes = new WeakMap<Scope.Scope, WeakMap<Home, LateErrors>>()

/** Those of the caller's Scope, or of the loop where the caller has none. */
export const lateErrors = (loop: Home): Effect.Effect<LateErrors> =>
  Effect.flatMap(Effect.serviceOption(Scope.Scope), (found) => {
    if (Option.isNone(found)) return Effect.sync(() => ofLoop(loop))
    const scope = found.value
    const known = ofScopes.get(scope) ?? new WeakMap<Home, LateErrors>()
    ofScopes.set(scope, known)
    const late = known.get(loop)
    if (late !== undefined) return Effect.succeed(late)
    const made = new LateErrors(loop)
    known.set(loop, made)
    return Effect.as(
      addLastFinalizer(
        scope,
        Effect.sync(() => made.release())
      ),
      made
    )
  })

/**
 * A finalizer that runs after all those that the Scope has already. What acquired the emitter did so before its Stream was
 * run, and closing that may still make it fail: pg's Client emits an error when its server dies while it says goodbye. No line
 * of Effect has a way to say so; both keep finalizers in a Map, of which this one is put first. Where that is not found, it
 * runs in its turn.
 */
const addLastFinalizer = (scope: Scope.Scope, finalizer: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.map(Scope.addFinalizer(scope, finalizer), () => {
    const { state } = scope as { readonly state?: { readonly finalizers?: unknown } }
    const finalizers = state?.finalizers
    if (!(finalizers instanceof Map)) return
    const [added, ...before] = [...(finalizers as Map<unknown, unknown>)].reverse()
    if (added === undefined) return
    finalizers.clear()
    for (const [key, value] of [added, ...before.reverse()]) finalizers.set(key, value)
  })

const ofLoop = (loop: Home): LateErrors => {
  const known = ofLoops.get(loop)
  if (known !== undefined) return known
  const made = new LateErrors(loop)
  ofLoops.set(loop, made)
  if (loop.isClosed()) made.release()
  else outsideFibers(() => loop._watch(made))
  return made
}

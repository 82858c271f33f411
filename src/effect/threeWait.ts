/**
 * Effect 3: a wait in one operation of the fiber, in place of a mask, an `Effect.async` and a match, which are nine.
 *
 * The fiber is suspended, and hears of an interruption by `_asyncInterruptor`: that is what it calls when it is told to end while
 * it is suspended, whether it can be interrupted there or not (`fiberRuntime.ts` of 3.22, `evaluateMessageWhileSuspended`).
 * Effect's own resumes with the interruption at once; here it resumes with what is to be done first. Whatever is not to be
 * overtaken by an interruption is run behind a mask, made as the operation does that makes one (`OP_UPDATE_RUNTIME_FLAGS`): the
 * wait itself from its beginning on, because a fiber may be made to yield before any operation. A value that has come at once
 * needs none: to a fiber that is interrupted as it gets it, it is lost in any case.
 *
 * A fiber that has not these fields waits by the operations that everybody may use.
 */
import * as All from "effect"
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as RuntimeFlags from "effect/RuntimeFlags"
import type { Seam } from "./Seam.js"
import type { FiberWait } from "./Wait.js"

/** A fiber of this line, with the fields behind what it does. */
type Current = Fiber.RuntimeFiber<unknown, unknown> & {
  currentRuntimeFlags: RuntimeFlags.RuntimeFlags
  _asyncInterruptor?: ((exit: unknown) => void) | null
  pushStack?: (frame: unknown) => void
}

/** An operation of a fiber, as its constructors fill it in. */
interface Operation extends Effect.Effect<never> {
  effect_instruction_i0: unknown
  effect_instruction_i1: unknown
}

type AnyEffect = Effect.Effect<unknown, unknown>

/** `current` is the fiber on the stack. Nothing is touched before the call, as in `three.ts`. */
export const threeWait = (current: () => object | undefined): Seam["waitFor"] => {
  const { Cause, Effect, FiberId, FiberRef, RuntimeFlags, RuntimeFlagsPatch } = All
  const Primitive = Effect.suspend(() => Effect.void).constructor as new (operation: string) => Operation
  const { Interruption, disable, interruptible } = RuntimeFlags
  const revert = { _op: "RevertFlags", patch: RuntimeFlagsPatch.enable(Interruption), op: Effect.void }

  /** What the fiber does next, it does uninterruptibly, until it leaves what it is in. */
  const mask = (fiber: Current): void => {
    fiber.currentRuntimeFlags = disable(fiber.currentRuntimeFlags, Interruption)
    fiber.pushStack?.(revert)
  }

  /** Why a fiber is to end, as far as it was told. */
  const reason = (fiber: Current): Cause.Cause<never> => fiber.getFiberRef(FiberRef.interruptedCause)

  const interrupted = (fiber: Current, wait: FiberWait<unknown, unknown>): AnyEffect =>
    Effect.matchCauseEffect(wait.interrupted(), {
      onSuccess: () => Effect.failCause(reason(fiber)),
      onFailure: (more) => Effect.failCause(Cause.sequential(reason(fiber), more))
    })

  /** Behind a mask. A last look: the failure of a fiber that is to be interrupted as soon as it leaves here is dropped by Effect. */
  const failure = (fiber: Current, wait: FiberWait<unknown, unknown>): AnyEffect =>
    Effect.suspend(() => {
      const exit = wait.outcome()
      // In the next operation: what asks for a failure is code of the program, and may have interrupted the fiber.
      return Effect.suspend(() => (Cause.isEmpty(reason(fiber)) ? exit : interrupted(fiber, wait)))
    })

  /** The same for a value, with which no code of the program comes between. */
  const owned = (fiber: Current, wait: FiberWait<unknown, unknown>): AnyEffect =>
    Effect.suspend(() => (Cause.isEmpty(reason(fiber)) ? wait.outcome() : interrupted(fiber, wait)))

  /** Behind a mask. */
  const outcome = (fiber: Current, wait: FiberWait<unknown, unknown>): AnyEffect =>
    wait.failed ? failure(fiber, wait) : wait.owned ? owned(fiber, wait) : wait.outcome()

  const atOnce = (fiber: Current, wait: FiberWait<unknown, unknown>): AnyEffect => {
    if (wait.failed || wait.owned) mask(fiber)
    return outcome(fiber, wait)
  }

  const suspended = (fiber: Current, wait: FiberWait<unknown, unknown>): AnyEffect => {
    // From here on, and not from where it waits: told as it began, or while Effect has it yield before the operation, it would
    // end there, and nobody would own what has begun.
    mask(fiber)
    const operation = new Primitive("Async")
    operation.effect_instruction_i0 = (resume: (effect: AnyEffect) => void): void => {
      if (!Cause.isEmpty(reason(fiber))) return resume(interrupted(fiber, wait))
      let resumed = false
      fiber._asyncInterruptor = () => {
        if (resumed) return
        resumed = true
        resume(interrupted(fiber, wait))
      }
      wait.wait(() => {
        if (resumed) return
        resumed = true
        resume(outcome(fiber, wait))
      })
    }
    operation.effect_instruction_i1 = FiberId.none
    return operation
  }

  return <A, E>(wait: FiberWait<A, E>): Effect.Effect<A, E> | undefined => {
    const fiber = current() as Current | undefined
    if (fiber?._asyncInterruptor === undefined || fiber.pushStack === undefined) return undefined
    if (!interruptible(fiber.currentRuntimeFlags)) return undefined
    return (wait.begin() ? atOnce(fiber, wait) : suspended(fiber, wait)) as Effect.Effect<A, E>
  }
}

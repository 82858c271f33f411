/**
 * Random programs that open resources while everything ends: fibers and tasks, crossings both ways, failures, interruptions,
 * cancels of all tasks, crashes and closes, in whatever turn. What holds for each of them: it ends, and every resource that was
 * opened has had its close begun once, and waited for. EFFECT_AIO_PROGRAMS sets how many are tried (CI: 10,000), EFFECT_AIO_SEED which.
 */
import * as fc from "fast-check"
import { Effect, Exit, Fiber, Scope } from "effect"
import { describe, expect, it } from "vitest"
import { acquireAio, type EventLoop, fromAio, Loop, runEffect, TaskGroup, waitFor } from "../../src/index.js"

/** A pause of so many turns: microtasks, or turns of Node. */
interface Pause {
  readonly turns: number
  readonly how: "microtask" | "node"
}

type Step =
  | {
      readonly step: "acquire"
      readonly open: Pause
      readonly close: Pause
      readonly fails: "open" | "close" | "no"
    }
  | { readonly step: "call"; readonly pause: Pause }
  | {
      readonly step: "aio"
      readonly within: "runEffect" | "waitFor" | "group"
      readonly steps: ReadonlyArray<Step>
    }
  | { readonly step: "fail" }

type End = "nothing" | "fail" | "interrupt" | "crash" | "cancel all" | "close the loop"

interface Program {
  readonly fibers: ReadonlyArray<ReadonlyArray<Step>>
  readonly end: End
  readonly after: Pause
  readonly loop: "scoped" | "open"
}

const pauses: fc.Arbitrary<Pause> = fc.record({
  turns: fc.nat(4),
  how: fc.constantFrom("microtask" as const, "microtask" as const, "node" as const)
})

const { steps } = fc.letrec<{ step: Step; steps: ReadonlyArray<Step> }>((tie) => ({
  steps: fc.array(tie("step"), { minLength: 1, maxLength: 3 }),
  step: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({
      step: fc.constant("acquire" as const),
      open: pauses,
      close: pauses,
      fails: fc.constantFrom("no" as const, "no" as const, "no" as const, "open" as const, "close" as const)
    }),
    fc.record({ step: fc.constant("call" as const), pause: pauses }),
    fc.record({ step: fc.constant("fail" as const) }),
    fc.record({
      step: fc.constant("aio" as const),
      within: fc.constantFrom("runEffect" as const, "waitFor" as const, "group" as const),
      steps: tie("steps")
    })
  )
}))

const programs: fc.Arbitrary<Program> = fc.record({
  fibers: fc.array(steps, { minLength: 1, maxLength: 3 }),
  end: fc.constantFrom<End>("nothing", "fail", "interrupt", "crash", "cancel all", "close the loop"),
  after: pauses,
  loop: fc.constantFrom("scoped" as const, "open" as const)
})

const pass = async ({ how, turns }: Pause): Promise<void> => {
  for (let left = turns; left > 0; left--) {
    if (how === "microtask") await null
    else await new Promise((resolve) => setImmediate(resolve))
  }
}

/** What became of the resources of one program. */
class Ledger {
  opened = 0
  begun = 0
  ended = 0

  acquire({
    close,
    fails,
    open
  }: Extract<Step, { step: "acquire" }>): Effect.Effect<unknown, unknown, Loop | Scope.Scope> {
    return acquireAio({
      open: async () => {
        await pass(open)
        if (fails === "open") throw new Error("open")
        this.opened++
        return this.opened
      },
      close: async () => {
        this.begun++
        await pass(close)
        this.ended++
        if (fails === "close") throw new Error("close")
      }
    })
  }
}

const effectOf = (
  ledger: Ledger,
  all: ReadonlyArray<Step>
): Effect.Effect<unknown, unknown, Loop | Scope.Scope> =>
  Effect.forEach(all, (step) => {
    switch (step.step) {
      case "acquire":
        return ledger.acquire(step)
      case "call":
        return fromAio(() => pass(step.pause))()
      case "fail":
        return Effect.fail("a failure of its own")
      case "aio": {
        const inner = Effect.scoped(effectOf(ledger, step.steps))
        return fromAio(() => {
          const run = () => runEffect(inner)
          if (step.within === "runEffect") return run()
          if (step.within === "waitFor") return waitFor(run, 60_000)
          return TaskGroup.run((group) => {
            group.createTask(run)
            group.createTask(run)
          })
        })()
      }
    }
  })

const finish = (
  loop: EventLoop,
  end: End,
  scope: Scope.CloseableScope | undefined
): Effect.Effect<unknown, unknown> => {
  switch (end) {
    case "nothing":
      return Effect.void
    case "fail":
      return Effect.fail("the body has failed")
    case "interrupt":
      return Effect.interrupt
    case "crash":
      return Effect.sync(() => loop.callSoon(() => loop._crashWith(new Error("crash"), "a callback")))
    case "cancel all":
      return Effect.sync(() => {
        for (const task of loop.allTasks()) task.cancel("by the program")
      })
    case "close the loop":
      return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)
  }
}

/** Runs one program to its end. */
const run = async (program: Program): Promise<Ledger> => {
  const ledger = new Ledger()
  const body = (scope: Scope.CloseableScope | undefined) =>
    Effect.gen(function* () {
      const loop = yield* Loop
      const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
      for (const steps of program.fibers) {
        fibers.push(yield* Effect.fork(Effect.scoped(effectOf(ledger, steps))))
      }
      yield* Effect.promise(() => pass(program.after))
      yield* finish(loop, program.end, scope)
      yield* Effect.forEach(fibers, (fiber) => Fiber.await(fiber))
    })
  // What is logged is nobody's, and a crash comes by itself.
  const options = { exceptionHandler: () => {} }
  const whole =
    program.loop === "scoped"
      ? Loop.scoped(body(undefined), options)
      : Effect.scoped(
          Effect.gen(function* () {
            const scope = yield* Scope.make()
            const loop = yield* Effect.provideService(Loop.open(options), Scope.Scope, scope)
            yield* Effect.ensuring(
              Effect.provideService(body(scope), Loop, loop),
              Scope.close(scope, Exit.void)
            )
          })
        )
  await Effect.runPromiseExit(whole)
  return ledger
}

/** The number of a setting of the environment. */
const setting = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise)

describe("random programs", () => {
  it(
    "J7 every resource that was opened has had its close begun once, and waited for",
    { timeout: 240_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(programs, async (program) => {
          const { begun, ended, opened } = await run(program)
          expect({ begun, ended }).toEqual({ begun: opened, ended: opened })
        }),
        { numRuns: setting("EFFECT_AIO_PROGRAMS", 2_000), seed: setting("EFFECT_AIO_SEED", 20_260_801) }
      )
    }
  )
})

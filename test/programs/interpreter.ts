/** Runs the trees of `program.ts`: what they say, as Effects and as coroutines. */
import { Effect, Exit, type Scope, Stream } from "effect"
import {
  acquireAio,
  type EventLoop,
  fromAio,
  isCancelledError,
  Loop,
  type LoopOptions,
  runEffect,
  shield,
  sleep,
  TaskGroup,
  timeout,
  TimeoutError,
  toAio,
  waitFor
} from "../../src/index.js"
import { type Accident, accidentsIn, type Ledger } from "./Ledger.js"
import type {
  AioNode,
  AioSteps,
  EffectNode,
  EffectSteps,
  Pause,
  ResourceScript,
  StreamScript
} from "./program.js"
import { perLine } from "../support/effect/line.js"

type Kind = "async" | "generator"
type Script = Generator<PromiseLike<unknown>, unknown, any>
type Program = Effect.Effect<unknown, unknown, Loop | Scope.Scope>

/** Pauses that are going on. */
let passing = 0

/** Completes when no program is in a pause that its loop has no part in. */
export const passed = async (): Promise<void> => {
  do await new Promise((resolve) => setImmediate(resolve))
  while (passing > 0)
}

/** Turns that the loop has no part in. */
export const pass = async ({ how, turns }: Pause): Promise<void> => {
  passing++
  for (let left = turns; left > 0; left--) {
    if (how === "microtask") await null
    else await new Promise((resolve) => setImmediate(resolve))
  }
  passing--
}

/**
 * Starts a fiber that ends with those around it. A parent that has ended, and waits for its children, loses how it has ended
 * on line 4 if it is interrupted then: there a child belongs to the Scope.
 */
const fork = perLine("E15", { 3: Effect.fork, 4: Effect.forkScoped })

/** A coroutine of either kind that does what the script says. */
const coroutine = (kind: Kind, script: () => Script) => (): PromiseLike<unknown> | Script =>
  kind === "generator" ? script() : drive(script())

const endless = function* (loop: EventLoop): Script {
  yield loop.createFuture()
  return undefined
}

const drive = async (script: Script): Promise<unknown> => {
  let step = script.next()
  while (step.done !== true) {
    let value: unknown
    try {
      value = await step.value
    } catch (error) {
      step = script.throw(error)
      continue
    }
    step = script.next(value)
  }
  return step.value
}

/** A resource that comes and goes without a word. */
const NO_FAILURE = {
  open: { turns: 0, how: "microtask" },
  fails: "no",
  kind: "async",
  by: "acquireAio"
} as const

export class Interpreter {
  constructor(
    private readonly ledger: Ledger,
    private readonly options: LoopOptions
  ) {}

  /** Steps of Effect code, one after the other. They close what they have opened. */
  readonly effects = (steps: EffectSteps): Effect.Effect<unknown, unknown, Loop> =>
    Effect.scoped(Effect.forEach(steps, (step) => this.#effect(step)))

  /** The same for aio code, which is told of the end. */
  readonly leaving = (steps: EffectSteps): Effect.Effect<unknown, unknown, Loop> =>
    Effect.onExit(this.effects(steps), (exit) => Effect.sync(() => this.ledger.crossed("aio", exit)))

  readonly aio = (kind: Kind, loop: EventLoop, steps: AioSteps) =>
    coroutine(kind, () => this.#script(kind, loop, steps))

  /** An Effect of the border: what it fails with has come into Effect. */
  #border<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.onExit(effect, (exit) => Effect.sync(() => this.ledger.crossed("effect", exit)))
  }

  #loser<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.onExit(effect, (exit) => Effect.sync(() => this.ledger.crossed("loser", exit)))
  }

  #effect(step: EffectNode): Program {
    const { ledger } = this
    ledger.steps++
    switch (step.node) {
      case "pause":
        return this.#pause(step.pause)
      case "fail":
        return Effect.suspend((): Effect.Effect<never, unknown> => {
          const accident = ledger.accident(`Effect.${step.how}`)
          const failing = step.how === "fail" ? Effect.fail(accident) : Effect.die(accident)
          return this.#border(failing)
        })
      case "acquire":
        return this.#acquire(step.resource)
      case "call":
        return Effect.flatMap(Loop, (loop) => this.#border(fromAio(this.aio(step.kind, loop, step.steps))()))
      case "stream":
        return this.#stream(step.stream)
      case "both":
        return this.#border(
          Effect.all([this.#loser(this.effects(step.left)), this.#loser(this.effects(step.right))], {
            concurrency: "unbounded"
          })
        )
      case "timeout":
        return this.#border(Effect.timeoutOption(this.#loser(this.effects(step.steps)), step.ms))
      case "attempt":
        return Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(Effect.exit(restore(this.effects(step.steps))), (exit) =>
            Effect.sync(() => ledger.exited("an attempt", exit))
          )
        )
      case "fork":
        return Effect.flatMap(fork(this.effects(step.steps)), (fiber) => {
          fiber.addObserver((exit) => ledger.exited("a forked fiber", exit))
          return this.#pause(step.before)
        })
      case "finalizer":
        return Effect.addFinalizer(() =>
          Effect.flatMap(Loop, (loop) =>
            Effect.orDie(
              this.#border(
                fromAio(
                  this.aio("async", loop, [
                    { node: "pause", pause: step.pause },
                    ...(step.fails ? [{ node: "throw" } as const] : [])
                  ])
                )()
              )
            )
          )
        )
      case "nested":
        return Loop.scoped(this.effects(step.steps), this.options)
    }
  }

  #pause(pause: Pause): Effect.Effect<void> {
    return pause.how === "clock" ? Effect.sleep(pause.turns) : Effect.promise(() => pass(pause))
  }

  #acquire(resource: ResourceScript): Program {
    const { ledger } = this
    const open = (): { readonly begin: () => void; readonly end: () => void } => {
      if (resource.fails === "open") throw ledger.accident("open")
      const opened = ledger.opened()
      return {
        begin: () => void opened.begun++,
        end: () => {
          opened.ended++
          if (resource.fails === "close") throw ledger.accident("close")
        }
      }
    }
    const pausing = (pause: Pause): Pause =>
      resource.kind === "deaf" && pause.how === "clock" ? { ...pause, how: "node" } : pause
    const nothing = (): void => {}
    const in_ = <A>(pause: Pause, before: () => void, f: () => A): unknown => {
      const kind = resource.kind === "generator" ? "generator" : "async"
      if (resource.kind === "sync") {
        before()
        return f()
      }
      return coroutine(kind, () =>
        (function* (): Script {
          before()
          // What a loop that was closed at once refuses keeps no resource from being closed.
          try {
            if (pause.how === "clock") yield sleep(pause.turns)
            else if (kind === "async") yield pass(pausing(pause))
          } catch (error) {
            if (before === nothing) throw error
          }
          return f()
        })()
      )()
    }
    if (resource.by === "disposable") {
      return Effect.suspend(() => {
        const opened = ledger.opened()
        return fromAio({
          [Symbol.asyncDispose]: async () => {
            opened.begun++
            await pass(resource.close)
            opened.ended++
            if (resource.fails === "close") throw ledger.accident("dispose")
          }
        })
      })
    }
    return this.#border(
      acquireAio({
        open: () => in_(resource.open, nothing, open) as PromiseLike<ReturnType<typeof open>>,
        close: ({ begin, end }) => in_(resource.close, begin, end)
      })
    )
  }

  #stream(script: StreamScript): Program {
    const { ledger } = this
    const generate = async function* () {
      let failure: Accident | undefined
      try {
        for (let item = 0; item < script.items; item++) {
          if (script.pause.how === "clock") await sleep(script.pause.turns)
          else await pass(script.pause)
          ledger.steps++
          yield item
        }
        if (script.fails === "body" || script.fails === "both") {
          failure = ledger.accident("generator")
          // A generator that is given up in its cleanup tells nobody.
          ledger.held.add(failure)
          throw failure
        }
      } finally {
        ledger.steps++
        try {
          if (script.cleanup.how === "clock") await sleep(script.cleanup.turns)
          else await pass(script.cleanup)
        } catch {
          // A cancel here would take the place of the error that is on its way.
        }
        if (failure !== undefined) ledger.held.delete(failure)
        if (script.fails === "finally" || script.fails === "both") {
          const second = ledger.accident("finally of the generator")
          // eslint-disable-next-line no-unsafe-finally -- what generators of users do; the first error is kept inside
          throw failure === undefined ? second : new AggregateError([failure, second])
        }
      }
    }
    const stream = fromAio(generate, { chunkSize: script.chunkSize })()
    const used =
      script.use === "drain"
        ? stream
        : script.use === "take"
          ? Stream.take(stream, script.after)
          : Stream.mapEffect(stream, (item) =>
              item < script.after
                ? Effect.void
                : Effect.suspend(() => this.#border(Effect.fail(ledger.accident("downstream"))))
            )
    return this.#border(Stream.runDrain(used))
  }

  *#script(kind: Kind, loop: EventLoop, steps: AioSteps): Script {
    for (const step of steps) yield* this.#aio(kind, loop, step)
    return undefined
  }

  /** Waits in a coroutine: a generator waits for Futures only. */
  #foreign(kind: Kind, loop: EventLoop, promise: PromiseLike<unknown>): PromiseLike<unknown> {
    return kind === "generator" ? loop.wrapFuture(promise) : promise
  }

  *#aioPause(kind: Kind, loop: EventLoop, pause: Pause): Script {
    if (pause.how === "clock") yield loop.sleep(pause.turns)
    else yield this.#foreign(kind, loop, pass(pause))
    return undefined
  }

  *#aio(kind: Kind, loop: EventLoop, step: AioNode): Script {
    const { ledger } = this
    ledger.steps++
    switch (step.node) {
      case "pause":
        return yield* this.#aioPause(kind, loop, step.pause)
      case "throw":
        throw ledger.accident("aio code")
      case "endless":
        if (step.as === "background") return void loop.runEffectTask(Effect.never)
        return void loop.createTask(coroutine(kind, () => endless(loop)))
      case "callback":
        return void loop.callSoon(() => {
          if (step.how === "throws") throw ledger.accident("a callback")
          return (async () => {
            await null
            throw ledger.accident("an async callback")
          })()
        })
      case "effect": {
        if (step.by === "runEffect") return yield runEffect(this.leaving(step.steps))
        const wrapped = yield runEffect(toAio(() => this.leaving(step.steps)))
        return yield wrapped()
      }
      case "background": {
        const handle = loop.runEffectTask(this.leaving(step.steps))
        if (step.cancelAfter === undefined) return
        yield* this.#aioPause(kind, loop, step.cancelAfter)
        return void handle.cancel()
      }
      case "waitFor":
      case "timeout": {
        const work = this.aio(kind, loop, step.steps)
        try {
          return yield step.node === "waitFor" ? waitFor(work, step.ms) : timeout(step.ms, work)
        } catch (error) {
          if (!(error instanceof TimeoutError)) throw error
          return
        }
      }
      case "group":
        return yield TaskGroup.run((group) => {
          for (const member of step.members) group.createTask(this.aio(kind, loop, member))
        })
      case "shield":
        return yield shield(this.aio(kind, loop, step.steps))
      case "task":
        return yield loop.createTask(this.aio(kind, loop, step.steps))
      case "forgotten":
        return void loop.createTask(this.aio(kind, loop, step.steps))
      case "iterate": {
        // What fails as a Stream's own Scope closes is lost by Effect where the Stream is interrupted: here nothing does.
        const held = this.#acquire({ ...NO_FAILURE, close: step.close })
        const items = Stream.flatMap(Stream.scoped(held), () =>
          Stream.concat(
            Stream.drain(Stream.fromEffect(this.#loser(this.effects(step.steps)))),
            Stream.fromIterable(Array.from({ length: step.items }, (_, item) => item))
          )
        )
        const iterable = yield runEffect(toAio(items))
        const iterator = iterable[Symbol.asyncIterator]()
        for (;;) {
          try {
            const { done } = yield iterator.next()
            if (done === true) return
            if (step.leave === "break") return yield iterator.return()
          } catch (error) {
            ledger.crossed("aio", Exit.die(error))
            throw error
          }
        }
      }
      case "using": {
        const open = yield runEffect(toAio(Effect.forEach(step.steps, (inner) => this.#effect(inner))))
        const resource = yield open()
        return yield* this.#cleaning(this.#script(kind, loop, step.inside), function* (): Script {
          return yield resource[Symbol.asyncDispose]()
        })
      }
      case "finally": {
        const clean = (): Script => this.#aioPause(kind, loop, step.cleanup)
        return yield* this.#cleaning(this.#script(kind, loop, step.steps), function* (): Script {
          yield* clean()
          if (step.fails) throw ledger.accident("a finally")
          return undefined
        })
      }
      case "swallow":
        try {
          return yield* this.#script(kind, loop, step.steps)
        } catch (error) {
          if (!isCancelledError(error)) throw error
          return
        }
    }
  }

  /** `try { body } finally { cleanup }`, which loses neither error. */
  *#cleaning(body: Script, cleanup: () => Script): Script {
    let failure: { readonly error: unknown } | undefined
    try {
      yield* body
    } catch (error) {
      failure = { error }
    }
    const carried = [...accidentsIn(failure?.error)]
    for (const accident of carried) this.ledger.held.add(accident)
    try {
      yield* cleanup()
    } catch (error) {
      for (const accident of carried) this.ledger.held.delete(accident)
      throw carried.length === 0 ? error : new AggregateError([failure?.error, error])
    }
    for (const accident of carried) this.ledger.held.delete(accident)
    if (failure !== undefined) throw failure.error
    return undefined
  }
}

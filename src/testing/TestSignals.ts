/** The signals of a loop for tests: what a test delivers, and for a loop that has the process those that come to that. */
import { constants } from "node:os"
import * as Effect from "effect/Effect"
import { SignalError } from "../Loop/errors.js"
import { Loop } from "../Loop/Loop.js"
import { giveSignals, type SignalSource } from "../Loop/signals/SignalSource.js"
import { checkSignalType, watchableSignal } from "../Loop/signals/signalNames.js"

const given = new WeakMap<object, TestSignals>()

export class TestSignals implements SignalSource {
  readonly #receivers = new Map<NodeJS.Signals, Set<() => void>>()

  /** Signals of `beside` come as well, where there is one. */
  constructor(private readonly beside?: SignalSource) {}

  /** The loop watches these. */
  give(loop: object): void {
    given.set(loop, this)
    giveSignals(loop, this)
  }

  add(name: NodeJS.Signals, receiver: () => void): () => void {
    const stop = this.beside?.add(name, receiver)
    const receivers = this.#receivers.get(name) ?? new Set()
    receivers.add(receiver)
    this.#receivers.set(name, receivers)
    return () => {
      receivers.delete(receiver)
      stop?.()
    }
  }

  /** In the order in which they were added; false where nobody is there. */
  deliver(name: NodeJS.Signals): boolean {
    const receivers = [...(this.#receivers.get(name) ?? [])]
    for (const receiver of receivers) receiver()
    return receivers.length > 0
  }
}

const ignored = new Set<NodeJS.Signals>(["SIGCHLD", "SIGURG", "SIGWINCH", "SIGCONT", "SIGPIPE", "SIGXFSZ"])
const stops = new Set<NodeJS.Signals>(["SIGTSTP", "SIGTTIN", "SIGTTOU"])

/** What a process of Node does at a signal that nobody handles. */
const fateAt = (name: NodeJS.Signals): string => {
  if (ignored.has(name)) return "would not notice it"
  if (stops.has(name)) return "would stop until SIGCONT comes"
  if (name === "SIGUSR1") return "would open Node's debugger"
  return `would end by it at once, without finalizers, with exit code ${128 + constants.signals[name]} in a shell`
}

/**
 * Delivers a signal to the loop as Node would: to the handlers of `addSignalHandler`, the Streams of `Loop.signal`, and, under
 * `TestLoop.main`, to the program, which SIGINT and SIGTERM stop. The process gets none. What handlers do then has not happened yet
 * when this completes: settle.
 *
 * Fails with `SignalError` for what is no signal or cannot be handled, and for one that nobody handles, which says what a process
 * would do; where the loop is none of `TestLoop`, it is a defect.
 *
 * @example
 * import { TestLoop } from "effect-aio/testing"
 *
 * const program = Effect.gen(function* () {
 *   const loop = yield* Loop
 *   const reload = loop.addSignalHandler("SIGHUP", () => console.log("reloads")) // => reloads
 *   yield* TestLoop.signal("SIGHUP")
 *   yield* TestLoop.settle
 *   reload.cancel()
 * })
 * await Effect.runPromise(Effect.provide(program, TestLoop.layer()))
 *
 * @category testing
 * @since 0.2.0
 */
export const signal = (signal: NodeJS.Signals | number): Effect.Effect<void, SignalError, Loop> => {
  checkSignalType("TestLoop.signal", signal)
  return Effect.flatMap(Loop, (loop) => {
    const signals = given.get(loop)
    if (signals === undefined) {
      return Effect.die(
        new TypeError(`TestLoop.signal: ${loop.name} is no loop of TestLoop.layer or TestLoop.main`)
      )
    }
    return Effect.try({
      try: () => {
        const name = watchableSignal("TestLoop.signal", signal)
        if (!signals.deliver(name)) {
          throw new SignalError(name, `nobody handles it on ${loop.name}: a process ${fateAt(name)}`)
        }
      },
      catch: (error) => error as SignalError
    })
  })
}

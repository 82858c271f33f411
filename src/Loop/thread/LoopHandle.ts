/** A loop of another thread, as this thread may use it: named callbacks, and coroutines with their results. */
import { MessagePort, receiveMessageOnPort, type Transferable } from "node:worker_threads"
import { checkSignal } from "../fiber/Fibers.js"
import { manyListeners } from "../host/manyListeners.js"
import { describeValue } from "../kernel/describe.js"
import { LoopClosedError } from "../kernel/errors.js"
import { JobRefusedError } from "../errors.js"
import type { Future } from "../kernel/Future.js"
import type { CoroutineValue } from "../kernel/Task.js"
import { Asked } from "./Asked.js"
import { asksOf } from "./Asks.js"
import { homeOfAsked } from "./standIn.js"
import { packError } from "../parcel/packError.mjs"
import { type Answer, type Asking, type Hello, PROTOCOL, type ThreadFunctions } from "./threadMessages.js"
import { unpackError } from "../parcel/unpackError.js"
import { isHome } from "../closing/Capability.js"

/**
 * How a loop of another thread is asked.
 *
 * @category models
 * @since 0.1.0
 */
export interface AskOptions {
  /** Cancels what is asked for when it aborts, with its reason. */
  readonly signal?: AbortSignal | undefined
  /** The parts of the arguments that move to the other thread instead of being cloned. */
  readonly transfer?: ReadonlyArray<Transferable> | undefined
}

/**
 * The two ways to ask a loop of another thread.
 *
 * @category models
 * @since 0.1.0
 */
export interface LoopCaller<F extends ThreadFunctions<F>> {
  /** As `callSoonThreadsafe` of a {@link LoopHandle}. */
  callSoonThreadsafe<K extends keyof F & string>(name: K, ...args: Parameters<F[K]>): void
  /** As `runCoroutineThreadsafe` of a {@link LoopHandle}. */
  runCoroutineThreadsafe<K extends keyof F & string>(
    name: K,
    ...args: Parameters<F[K]>
  ): Future<CoroutineValue<ReturnType<F[K]>>>
}

/**
 * A loop of another thread, by the functions that it offers with `loop.threadHandle`. Everything crosses as structured
 * clones, in the order in which it was asked for.
 *
 * Legal states: open; closed, by `close()`, by the loop, or because its thread has ended. Then everything that is pending
 * settles with {@link LoopClosedError}, and new calls throw it.
 *
 * **Gotchas**
 * - A handle keeps its thread alive while something is pending, and only then.
 * - Errors keep name, message, stack, cause, code and own fields; their class only where that is one of the language's
 *   own.
 *
 * @example
 * const loop = SyncLoop.make()
 * const functions = { log: (line: string) => console.log(line), square: async (n: number) => n * n }
 * const { port } = loop.threadHandle(functions)
 * await loop.runUntilComplete(async () => {
 *   // In a worker that was given the port as workerData.port; here it is the same thread.
 *   const handle = LoopHandle.from<typeof functions>(port)
 *   console.log(handle.functions.join()) // => log,square
 *   handle.callSoonThreadsafe("log", "hello") // => hello
 *   console.log(await handle.runCoroutineThreadsafe("square", 7)) // => 49
 *   handle.close()
 *   console.log(handle.closed) // => true
 * })
 * await loop.close()
 *
 * @category models
 * @since 0.1.0
 */
export class LoopHandle<F extends ThreadFunctions<F>> implements LoopCaller<F> {
  /** The name of the loop. */
  readonly loop: string
  readonly #functions: ReadonlyMap<string, boolean>
  readonly #port: MessagePort
  readonly #pending = new Map<number, Asked>()
  #ids = 0
  #closed: LoopClosedError | undefined

  /**
   * Takes over the `port` of what `loop.threadHandle` has returned, in the one thread that is to use it. `F` is the type
   * of the functions there. Throws `TypeError` for any other port, and for one that was taken over before.
   */
  static from<F extends ThreadFunctions<F>>(port: MessagePort): LoopHandle<F> {
    if (!(port instanceof MessagePort)) {
      throw new TypeError(
        `LoopHandle.from takes the port of what loop.threadHandle has returned, not ${describeValue(port)}; list the ` +
          `port among the transferred when it is given to a thread`
      )
    }
    const hello = (receiveMessageOnPort(port) as { readonly message: unknown } | undefined)?.message
    if (typeof hello !== "object" || (hello as Partial<Hello> | null)?.protocol !== PROTOCOL) {
      throw new TypeError(
        "LoopHandle.from takes the port of what loop.threadHandle has returned: this port is another one, or was taken " +
          "over before"
      )
    }
    return new LoopHandle<F>(port, hello as Hello)
  }

  private constructor(port: MessagePort, { functions, loop }: Hello) {
    this.loop = loop
    this.#functions = new Map(functions)
    this.#port = port
    port.on("message", (answer: Answer) => this.#on(answer))
    port.on("messageerror", (cause) => {
      this.#end(this.#unreadable(cause))
    })
    port.on("close", () =>
      this.#end(new LoopClosedError(`the thread of the event loop ${loop} has ended, or closed its handle`))
    )
    port.unref()
  }

  /** The names of what the loop offers. */
  get functions(): ReadonlyArray<string> {
    return [...this.#functions.keys()]
  }

  /** Whether the handle was closed, from whichever end. */
  get closed(): boolean {
    return this.#closed !== undefined
  }

  /**
   * Has the loop run a function as a callback, as its own `callSoonThreadsafe` does. There is no answer: an exception in
   * it goes to the loop's exception handler, and a call that comes when the loop closes is reported there.
   *
   * Throws `TypeError` for what is not offered, and for a coroutine function, which goes to `runCoroutineThreadsafe`;
   * {@link JobRefusedError} for arguments that cannot be cloned; {@link LoopClosedError}.
   */
  callSoonThreadsafe<K extends keyof F & string>(name: K, ...args: Parameters<F[K]>): void {
    this.#call(name, args, {})
  }

  /**
   * Has the loop run a function as a task: a coroutine function, or any other. The Future, of the loop that runs here
   * or of none, ends as the task does, with its value, its error or its cancellation. Cancelling the Future cancels the
   * task, and the Future is done when the task is. asyncio: `run_coroutine_threadsafe`.
   *
   * Throws `TypeError` for what is not offered, {@link JobRefusedError} for arguments that cannot be cloned, and
   * {@link LoopClosedError}, also where it is the loop here that is closed.
   */
  runCoroutineThreadsafe<K extends keyof F & string>(
    name: K,
    ...args: Parameters<F[K]>
  ): Future<CoroutineValue<ReturnType<F[K]>>> {
    return this.#run(name, args, {}) as Future<CoroutineValue<ReturnType<F[K]>>>
  }

  /**
   * The two ways to ask, with options.
   *
   * @example
   * const loop = SyncLoop.make()
   * const functions = { nap: async () => sleep(60_000) }
   * const { port } = loop.threadHandle(functions)
   * await loop.runUntilComplete(async () => {
   *   const handle = LoopHandle.from<typeof functions>(port)
   *   const napping = handle.with({ signal: AbortSignal.timeout(10) }).runCoroutineThreadsafe("nap")
   *   await napping.catch((error: unknown) => console.log(error instanceof CancelledError)) // => true
   *   handle.close()
   * })
   * await loop.close()
   */
  with(options: AskOptions): LoopCaller<F> {
    checkSignal("with", options.signal)
    return {
      callSoonThreadsafe: (name, ...args) => this.#call(name, args, options),
      runCoroutineThreadsafe: (name, ...args) => this.#run(name, args, options) as Future<never>
    }
  }

  /**
   * Ends it, at once: what is pending is cancelled in the other thread, and fails here with {@link LoopClosedError}. To
   * wait for it, cancel the Futures and await them first. Idempotent.
   */
  close(): void {
    this.#end(new LoopClosedError(`the LoopHandle of the event loop ${this.loop} was closed`))
  }

  toString(): string {
    return `<LoopHandle of ${this.loop} ${this.closed ? "closed" : "open"} pending=${this.#pending.size}>`
  }

  /** @internal How Node shows it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }

  #call(name: string, args: ReadonlyArray<unknown>, options: AskOptions): void {
    this.#check("callSoonThreadsafe", name)
    if (this.#functions.get(name) === true) {
      throw new TypeError(
        `coroutines cannot be used with callSoonThreadsafe: give ${name} to runCoroutineThreadsafe`
      )
    }
    if (options.signal?.aborted !== true) this.#ask(name, ["call", name, args], options)
  }

  #run(name: string, args: ReadonlyArray<unknown>, options: AskOptions): Future<unknown> {
    this.#check("runCoroutineThreadsafe", name)
    const loop = homeOfAsked()
    loop._refuse("runCoroutineThreadsafe")
    const { signal } = options
    const id = ++this.#ids
    const asked = new Asked(loop, `${name} on ${this.loop}`, (message) => this.#tell(id, message))
    if (signal?.aborted === true) {
      asked._settleCancelled(signal.reason)
      return asked
    }
    this.#ask(name, ["run", id, name, args], options)
    if (this.#pending.size === 0) this.#port.ref()
    this.#pending.set(id, asked)
    asked.holds(() => this.#forget(id))
    if (isHome(loop)) asked.holds(asksOf(loop).add(asked))
    if (signal !== undefined) {
      const abort = (): void => void asked.cancel(signal.reason)
      manyListeners(signal).addEventListener("abort", abort, { once: true })
      asked.holds(() => signal.removeEventListener("abort", abort))
    }
    return asked
  }

  #check(what: string, name: unknown): void {
    if (this.#closed !== undefined) throw this.#closed
    if (typeof name !== "string" || !this.#functions.has(name)) {
      throw new TypeError(
        `${what}: the event loop ${this.loop} offers no ${describeValue(name)}; it offers ${this.functions.join(", ")}`
      )
    }
  }

  #ask(job: string, asking: Asking, { transfer = [] }: AskOptions): void {
    try {
      this.#port.postMessage(asking, [...transfer])
    } catch (cause) {
      throw new JobRefusedError({ job, why: `an argument cannot be sent: ${describeValue(cause)}`, cause })
    }
  }

  /** Passes a cancel on. False where nobody is there to be told. */
  #tell(id: number, message: unknown): boolean {
    if (!this.#pending.has(id)) return false
    this.#port.postMessage(["cancel", id, packError(message)] satisfies Asking)
    return true
  }

  #on(answer: Answer): void {
    let settle: (asked: Asked) => void
    try {
      if (answer[0] === "closed" && answer[1] === undefined) return this.#end(closedError(answer))
      settle = settling(answer)
    } catch (cause) {
      // Whoever has the other port may have sent anything.
      return this.#end(this.#unreadable(cause))
    }
    const asked = this.#pending.get(answer[1] as number)
    if (asked === undefined) return
    settle(asked)
    asked.letGo()
  }

  #unreadable(cause: unknown): LoopClosedError {
    return new LoopClosedError(`an answer of the event loop ${this.loop} cannot be read`, { cause })
  }

  /** Nobody waits for the answer to this `run` any more. */
  #forget(id: number): void {
    if (this.#pending.delete(id) && this.#pending.size === 0) this.#port.unref()
  }

  #end(error: LoopClosedError): void {
    if (this.#closed !== undefined) return
    this.#closed = error
    this.#port.close()
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const asked of pending) {
      asked.lost(error)
      asked.letGo()
    }
  }
}

/** Settles who has asked as an answer says. Throws for what is no answer. */
const settling = (answer: Answer): ((asked: Asked) => void) => {
  switch (answer[0]) {
    case "value":
      return (asked) => asked._settleValue(answer[2])
    case "error": {
      const error = unpackError(answer[2])
      return (asked) => asked._settleError(error)
    }
    case "cancelled": {
      const reason = unpackError(answer[2])
      return (asked) => asked.wasCancelled(reason)
    }
    case "closed": {
      const error = closedError(answer)
      return (asked) => asked.lost(error)
    }
    default:
      throw new TypeError(`${describeValue(answer)} is no answer`)
  }
}

const closedError = ([, , message, cause]: Extract<Answer, readonly ["closed", ...Array<unknown>]>) =>
  new LoopClosedError(message, cause === undefined ? undefined : { cause: unpackError(cause) })

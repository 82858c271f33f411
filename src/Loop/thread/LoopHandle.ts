/** A loop of another thread, as this thread may use it: named callbacks, and coroutines with their results. */
import { MessagePort, receiveMessageOnPort, type TransferListItem } from "node:worker_threads"
import * as Effect from "effect/Effect"
import { fiberState, loopClock } from "../../effect.js"
import type { Capability, Held } from "../Capability.js"
import { EffectLoop } from "../EffectLoop.js"
import { checkSignal } from "../Fibers.js"
import { local } from "../kernel/current.js"
import { value as describeValue } from "../kernel/describe.js"
import { JobRefusedError, LoopClosedError } from "../kernel/errors.js"
import { EventLoop } from "../kernel/EventLoop.js"
import { Future } from "../kernel/Future.js"
import type { CoroutineValue } from "../kernel/Task.js"
import type { Leftover } from "../Leftovers.js"
import { NodeHost } from "../NodeHost.js"
import { packError } from "./packError.mjs"
import { logReport } from "../Reporter.js"
import { type Answer, type Asking, type Hello, PROTOCOL, type ThreadFunctions } from "./threadMessages.js"
import { unpackError } from "./unpackError.js"

/**
 * How a loop of another thread is asked.
 *
 * @category models
 * @since 0.1.0
 */
export interface AskOptions {
  /** Cancels what is asked for when it aborts, with its reason. */
  readonly signal?: AbortSignal | undefined
  /** What of the arguments is moved to the other thread instead of being cloned. */
  readonly transfer?: ReadonlyArray<TransferListItem> | undefined
}

/**
 * The two ways to ask a loop of another thread.
 *
 * @category models
 * @since 0.1.0
 */
export interface LoopCaller<F extends ThreadFunctions<F>> {
  /** See {@link LoopHandle}. */
  callSoonThreadsafe<K extends keyof F & string>(name: K, ...args: Parameters<F[K]>): void
  /** See {@link LoopHandle}. */
  runCoroutineThreadsafe<K extends keyof F & string>(
    name: K,
    ...args: Parameters<F[K]>
  ): Future<CoroutineValue<ReturnType<F[K]>>>
}

/** For the Futures of threads without a loop: it runs what awaits them, and nothing else. */
let standIn: EventLoop | undefined

const makeStandIn = (): EventLoop => {
  const state = Effect.runSync(fiberState)
  const name = "of a thread without a loop"
  const host = new NodeHost(Effect.runSync(loopClock), false, (report) => logReport(state, name, report))
  const loop = new EventLoop(host, { name })
  loop._start()
  return loop
}

/**
 * What one coroutine is known as here. Cancelling it asks the other thread, and it is done when that has answered.
 *
 * Legal states: those of a Future; while it is pending its loop lists it, and `letGo` takes back what waits on its behalf.
 */
class Asked extends Future<unknown> {
  readonly since: number
  /** The other thread was asked to cancel it. */
  cancelling = false
  /** What that cancel said. */
  #message: unknown
  readonly #held: Array<() => void> = []

  constructor(
    readonly loop: EventLoop,
    /** For reports. */
    readonly name: string,
    tell: (message: unknown) => boolean
  ) {
    super(loop, (message) => {
      if (this.cancelling) return true
      if (!tell(message)) return false
      this.cancelling = true
      this.#message = message
      this.holds(loop._watchJoin("a LoopHandle", () => [this]))
      return true
    })
    this.since = loop.time()
  }

  /** To be called when it is done. */
  holds(letGo: () => void): void {
    this.#held.push(letGo)
  }

  letGo(): void {
    for (const f of this.#held.splice(0)) f()
  }

  /** The coroutine was cancelled, for the reason that was given here or for another one. */
  wasCancelled(reason: unknown): void {
    this._settleCancelled(this.cancelling ? this.#message : reason)
  }

  /** The other end is gone. */
  lost(error: LoopClosedError): void {
    if (this.cancelling) this._settleCancelled(this.#message)
    else this._closed(error)
  }

  protected override _describe(): string {
    return `${super._describe()} name=${JSON.stringify(this.name)}`
  }

  protected override _kind(): string {
    return `Future of ${this.name}`
  }
}
// In texts it is what it is to its users.
Object.defineProperty(Asked, "name", { value: "Future" })

/**
 * What the tasks and callbacks of one loop have asked of loops in other threads: closing the loop cancels it, and waits
 * for the answers.
 */
class Asks implements Capability {
  static readonly #all = new WeakMap<EffectLoop, Asks>()
  readonly step = "executors"
  readonly #pending = new Set<Asked>()
  #onQuiet: Array<() => void> = []

  static of(loop: EffectLoop): Asks {
    const known = this.#all.get(loop) ?? new Asks(loop)
    this.#all.set(loop, known)
    return known
  }

  private constructor(private readonly loop: EffectLoop) {
    loop._capabilities.add(this)
  }

  /** Lists it; the result takes it back. */
  add(asked: Asked): () => void {
    this.#pending.add(asked)
    return () => {
      this.#pending.delete(asked)
      if (this.#pending.size > 0) return
      for (const f of this.#onQuiet.splice(0)) f()
    }
  }

  numbers(): Partial<Held> {
    return {}
  }

  held(): ReadonlyArray<Leftover> {
    return [...this.#pending].map(({ cancelling, name, since }) => ({
      what: "job",
      name,
      age: this.loop.time() - since,
      state: cancelling ? "cancelling" : "running",
      waitingOn: "another thread",
      createdAt: "runCoroutineThreadsafe"
    }))
  }

  quiet(): boolean {
    return this.#pending.size === 0
  }

  close(then: () => void): void {
    this.#onQuiet.push(then)
    this.#cancelAll()
  }

  release(): void {
    this.#cancelAll()
    for (const asked of [...this.#pending])
      asked._closed(this.loop._closedError(`${asked.name} was not done`))
    this.#pending.clear()
  }

  #cancelAll(): void {
    const reason = new LoopClosedError(`the event loop ${this.loop.name} is closing`)
    for (const asked of [...this.#pending]) asked.cancel(reason)
  }
}

/**
 * A loop of another thread, by the functions that it offers with `loop.threadHandle`. Everything crosses as structured
 * clones, in the order in which it was asked for.
 *
 * Legal states: open; closed, by `close()`, by the loop, or because its thread has ended. Then everything that is pending
 * settles with {@link LoopClosedError}, and new calls throw it.
 *
 * **Gotchas** A handle keeps its thread alive while something is pending, and only then. Errors keep name, message, stack,
 * cause, code and own fields; their class only where that is one of the language's own.
 *
 * @example
 * // In the thread of the loop:
 * const functions = { log: (line: string) => console.log(line), load: async (id: number) => (await rows()).get(id) }
 * const { port } = loop.threadHandle(functions)
 * new Worker(file, { workerData: { port }, transferList: [port] })
 *
 * // In the worker:
 * const handle = LoopHandle.from<typeof functions>(workerData.port)
 * handle.callSoonThreadsafe("log", "hello")
 * const row = await handle.runCoroutineThreadsafe("load", 42)
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
        `LoopHandle.from takes the port of what loop.threadHandle has returned, not ${describeValue(port)}; list the port ` +
          `among the transferred when it is given to a thread`
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
      this.#end(new LoopClosedError(`an answer of the event loop ${loop} cannot be read`, { cause }))
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

  /** Whether it was closed, from whichever end. */
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
   * Has the loop run a function as a task: a coroutine function, or any other. The Future, of the loop that runs here or
   * of none, ends as the task does, with its value, its error or its cancellation. Cancelling the Future cancels the task,
   * and the Future is done when the task is. asyncio: `run_coroutine_threadsafe`.
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
   * The same, asked with options.
   *
   * @example
   * await handle.with({ signal: AbortSignal.timeout(1_000) }).runCoroutineThreadsafe("load", 42)
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

  /** @internal */
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
    const loop = (local()?.loop as EventLoop | undefined) ?? (standIn ??= makeStandIn())
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
    if (loop instanceof EffectLoop) asked.holds(Asks.of(loop).add(asked))
    if (signal !== undefined) {
      const abort = (): void => void asked.cancel(signal.reason)
      signal.addEventListener("abort", abort, { once: true })
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
      this.#port.postMessage(asking, transfer)
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
    const [kind, id] = answer
    if (kind === "closed" && id === undefined) return this.#end(closedError(answer))
    const asked = this.#pending.get(id as number)
    if (asked === undefined) return
    this.#pending.delete(id as number)
    if (this.#pending.size === 0) this.#port.unref()
    // Where closing its loop has settled it, the first outcome stays.
    if (kind === "value") asked._settleValue(answer[2])
    else if (kind === "error") asked._settleError(unpackError(answer[2]))
    else if (kind === "cancelled") asked.wasCancelled(unpackError(answer[2]))
    else asked.lost(closedError(answer))
    asked.letGo()
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

const closedError = ([, , message, cause]: Extract<Answer, readonly ["closed", ...Array<unknown>]>) =>
  new LoopClosedError(message, cause === undefined ? undefined : { cause: unpackError(cause) })

/**
 * The loop's end of what another thread may call: what that asks for runs as callbacks and tasks of the loop.
 * `LoopHandle.ts` is the other end, `Offers.ts` lists what one loop offers.
 */
import { MessageChannel, type MessagePort } from "node:worker_threads"
import { unmarked } from "../host/AsyncContext.js"
import { describeValue } from "../kernel/describe.js"
import { type CancelledError, isCancelledError, LoopClosedError } from "../kernel/errors.js"
import { tellToStop } from "../kernel/Follower.js"
import { Handle } from "../kernel/Handle.js"
import type { Context } from "../kernel/Context.js"
import type { Task } from "../kernel/Task.js"
import { packError, type PackedError } from "../parcel/packError.mjs"
import { type Answer, type Asking, type Hello, PROTOCOL } from "./threadMessages.js"
import { unpackError } from "../parcel/unpackError.js"
import type { Home, Leftover } from "../ports.js"

/** A function that a loop offers to another thread. */
export type Callable = (...args: ReadonlyArray<unknown>) => unknown

/** A coroutine that another thread has asked for; without a task until its turn has come. */
interface Run {
  readonly name: string
  task: Task<unknown> | undefined
}

/**
 * What a loop offers to one other thread: the thread makes a `LoopHandle` of its `port`.
 *
 * Legal states: open; closed, by `close()`, with the loop, or because the other thread has ended or closed its end. What
 * the other thread has asked for and not got is cancelled then.
 *
 * @example
 * const loop = SyncLoop.make()
 * const offered = loop.threadHandle({ log: (line: string) => console.log(line) }, { name: "log" })
 * console.log(offered.name, offered.closed, offered.hasRef()) // => log false true
 * offered.close()
 * await loop.close()
 *
 * @category models
 * @since 0.1.0
 */
export class OfferedHandle {
  /** The end for the other thread, which must be the only one that uses it: list it among the transferred. */
  readonly port: MessagePort
  readonly name: string
  readonly #loop: Home
  readonly #functions: ReadonlyMap<string, Callable>
  readonly #onClose: (handle: OfferedHandle) => void
  readonly #context: Context | undefined
  readonly #inner: MessagePort
  readonly #runs = new Map<number, Run>()
  readonly #since: number
  #ref = true
  #closed = false
  /** Calls that came when the loop took none. */
  #refused = 0

  /** @internal `onClose` is told once, from whichever end the handle is closed. */
  constructor(
    loop: Home,
    name: string,
    functions: ReadonlyArray<readonly [string, Callable]>,
    coroutines: ReadonlySet<string>,
    onClose: (handle: OfferedHandle) => void
  ) {
    const { port1, port2 } = new MessageChannel()
    this.#inner = port1
    this.port = port2
    this.name = name
    this.#loop = loop
    this.#functions = new Map(functions)
    this.#onClose = onClose
    this.#context = loop.host.contexts.capture()
    this.#since = loop.time()
    const hello: Hello = {
      protocol: PROTOCOL,
      loop: loop.name,
      functions: functions.map(([of]) => [of, coroutines.has(of)])
    }
    port1.postMessage(hello)
    // A port has the async-local state of its making, which may be a task's: what comes through it is from outside.
    port1.on("message", (message: Asking) => unmarked(() => this.#on(message)))
    port1.on("messageerror", (error) => unmarked(() => this.#unreadable(error)))
    port1.on("close", () => this.#end("the thread that asked for it has closed its LoopHandle, or ended"))
  }

  /** Whether the handle was closed, from whichever end. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * Ends it, at once: what was asked for is cancelled, and the other thread sees LoopClosedError for it. To wait for it,
   * let the other thread cancel and await it, or the loop's Scope close it. Idempotent.
   */
  close(): void {
    this._close(
      new LoopClosedError(`the handle ${this.name} of the event loop ${this.#loop.name} was closed`)
    )
  }

  /** Whether this handle alone keeps the process alive. */
  hasRef(): boolean {
    return this.#ref && !this.#closed
  }

  /** Lets the handle keep the process alive again. As a port of Node that is listened to, it begins so. */
  ref(): this {
    this.#ref = true
    if (!this.#closed) this.#inner.ref()
    return this
  }

  /** Lets the process end although another thread may still call. */
  unref(): this {
    this.#ref = false
    if (!this.#closed) this.#inner.unref()
    return this
  }

  toString(): string {
    return `<OfferedHandle ${this.name} ${this.#closed ? "closed" : "open"} of ${this.#loop.name}>`
  }

  /** @internal How Node shows it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }

  /** @internal Tells the other end why. */
  _close(error: LoopClosedError): void {
    if (this.#closed) return
    this.#answer(["closed", undefined, error.message, causeOf(error)])
    this.#end(error)
  }

  /** @internal The row of this offer in a report. */
  _describe(): Leftover {
    return {
      what: "handle",
      name: this.name,
      age: this.#loop.time() - this.#since,
      state: "open",
      waitingOn: "another thread",
      createdAt: "threadHandle",
      blamed: false
    }
  }

  #end(reason: unknown): void {
    if (this.#closed) return
    this.#closed = true
    this.#inner.close()
    this.#onClose(this)
    const { name } = this
    for (const { task } of this.#runs.values()) {
      if (task !== undefined && !this.#loop.isClosed()) this.#push(() => tellToStop(task, reason))
    }
    this.#runs.clear()
    if (this.#refused <= 1) return
    this.#loop.callExceptionHandler({
      kind: "late",
      message: `${this.#refused} calls of another thread through ${name} came when ${this.#loop.name} took none`
    })
  }

  #on(message: Asking): void {
    if (this.#closed) return
    try {
      switch (message[0]) {
        case "call":
          return this.#call(message[1], message[2])
        case "run":
          return this.#run(message[1], message[2], message[3])
        case "cancel":
          return this.#cancel(message[1], message[2])
        default:
          throw new TypeError(`${describeValue(message)} is no message of a LoopHandle`)
      }
    } catch (exception) {
      // The other thread has the port, and may have sent anything.
      this.#unreadable(exception)
    }
  }

  /** The function that was asked for. A LoopHandle asks for nothing else than what is offered. */
  #offered(name: string, args: ReadonlyArray<unknown>): Callable {
    const f = this.#functions.get(name)
    if (f === undefined) throw new TypeError(`${this.name} offers no ${describeValue(name)}`)
    if (!Array.isArray(args)) throw new TypeError(`${describeValue(args)} are no arguments for ${name}`)
    return f
  }

  #call(name: string, args: ReadonlyArray<unknown>): void {
    const f = this.#offered(name, args)
    const refusal = this.#refusal("callSoonThreadsafe")
    if (refusal === undefined) return this.#push(f, args)
    // A flood of calls is not to become a flood of reports.
    if (this.#refused++ > 0) return
    this.#loop.callExceptionHandler({
      kind: "late",
      message: `a call of ${name} by another thread through ${this.name} was dropped`,
      exception: refusal
    })
  }

  #run(id: number, name: string, args: ReadonlyArray<unknown>): void {
    const body = this.#offered(name, args)
    const refusal = this.#refusal("runCoroutineThreadsafe")
    if (refusal !== undefined) return this.#fail(id, refusal)
    const run: Run = { name, task: undefined }
    this.#runs.set(id, run)
    this.#push(() => {
      // It may have been closed meanwhile.
      if (!this.#runs.has(id)) return
      try {
        const task = this.#loop.createTask(() => body(...args), { name: `${name} of ${this.name}`, body })
        task._add({ resumes: false, run: () => this.#settled(id, name, task) })
        run.task = task
      } catch (exception) {
        this.#runs.delete(id)
        this.#fail(id, exception)
        // No callback of the program has failed: this does not crash the loop.
        this.#loop.callExceptionHandler({
          message: `the task of ${name}, which another thread asked for through ${this.name}, could not be made`,
          exception
        })
      }
    })
  }

  /** Queued, so that a cancel comes after the `run` that it is for. */
  #cancel(id: number, message: PackedError): void {
    const reason = unpackError(message)
    this.#push(() => {
      const task = this.#runs.get(id)?.task
      if (task !== undefined) tellToStop(task, reason)
    })
  }

  #settled(id: number, name: string, task: Task<unknown>): void {
    const asked = this.#runs.delete(id)
    const outcome = task._peek()
    if (!asked) {
      if (outcome !== "error" || this.#loop.isClosed()) return
      return this.#loop.callExceptionHandler({
        kind: "late",
        message: `${task._name} failed when the thread that had asked for it was gone`,
        exception: task._error(),
        task
      })
    }
    if (outcome === "value") {
      try {
        this.#inner.postMessage(["value", id, task._value()] satisfies Answer)
      } catch (cause) {
        const why = `the result of ${name} cannot be sent to another thread: ${describeValue(cause)}`
        this.#fail(id, new TypeError(why, { cause }))
      }
    } else this.#fail(id, task._error())
  }

  #fail(id: number, error: unknown): void {
    // A task is cancelled with the reason that its loop closes.
    const told = isCancelledError(error) ? error.reason : error
    if (told instanceof LoopClosedError) this.#answer(["closed", id, told.message, causeOf(told)])
    else if (isCancelledError(error))
      this.#answer(["cancelled", id, packError((error as CancelledError).reason)])
    else this.#answer(["error", id, packError(error)])
  }

  #answer(answer: Answer): void {
    this.#inner.postMessage(answer)
  }

  /** Queues a callback of the loop, in the async-local state in which the functions were offered. */
  #push(callback: Callable, args: ReadonlyArray<unknown> = []): void {
    this.#loop._push(new Handle(this.#loop, callback, args.length === 0 ? undefined : args, this.#context))
  }

  #refusal(what: string): unknown {
    try {
      this.#loop._refuse(what)
      return undefined
    } catch (error) {
      return error
    }
  }

  /** Closes the handle: whoever waits for the message that was lost would wait for ever. */
  #unreadable(exception: unknown): void {
    this.#loop.callExceptionHandler({
      kind: "late",
      message: `a message of another thread to ${this.name} cannot be read: the handle is closed`,
      exception
    })
    this.close()
  }
}

const causeOf = (error: Error) => (error.cause === undefined ? undefined : packError(error.cause))

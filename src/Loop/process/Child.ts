/**
 * One child process: its pipes, its exit, and its end, together with the group that it leads. `spawnChild` starts one.
 */
import type { Socket } from "node:net"
import { createdAt } from "../kernel/sites.js"
import { ProcessLookupError, SignalError } from "../errors.js"
import { LONGEST } from "../host/NodeHost.js"
import type { StartedProcess } from "./HelpedChild.js"
import type { Processes } from "./Processes.js"
import { onReaderGone } from "./readerGone.js"
import { groupLives, returncodeOf, send, showsRunning, signalNumber } from "./processGroups.js"
import { after, tellIfSlow } from "../fiber/SlowJoin.js"
import type { Future } from "../kernel/Future.js"
import { linked } from "../fiber/links.js"
import type { Home, Leftover } from "../ports.js"

const TERM = signalNumber("SIGTERM")
const KILL = signalNumber("SIGKILL")
const CONT = process.platform === "win32" ? 0 : signalNumber("SIGCONT")

/** Nobody says when the last process of a group has ended: one has to check, in milliseconds of real time. */
const CHECK_FIRST = 1
const CHECK_LAST = 100

const nothing = (): void => {}

const refusedSignal = (child: Child, signal: NodeJS.Signals | number, code: string): SignalError =>
  new SignalError(signal, `${code}: it may not be sent to ${child.command} (pid ${child.pid})`)

/**
 * A child process that was started.
 *
 * Legal states: running; terminating (told to end with its `killSignal`); killed (SIGKILL was sent to all of it); exited, while
 * others of its own group live on; ended. `returncode` is set from exited on. Ended is also what nobody may wait for any
 * more: it was released with its loop. A child that was let go (`unref`) is none of the loop's, in whichever state it is.
 *
 * The pipes are read with `"readable"` and `read()`: each has a listener for that from the start, because Node throws
 * away what nobody reads when the process exits, unless there is one.
 */
export class Child {
  readonly pid: number
  /** The program and its arguments, shortened, for reports. */
  readonly command: string
  /** The parent's ends of the pipes, by the child's number. */
  readonly pipes: ReadonlyMap<number, Socket>
  /** Whether the process leads a group of its own. */
  readonly leads: boolean
  readonly #loop: Home
  readonly #processes: Processes
  readonly #process: StartedProcess
  readonly #killGrace: number
  readonly #killSignal: number
  readonly #what: string
  readonly #starting: object
  readonly #startedAt: number
  #state: "running" | "terminating" | "killed" = "running"
  #returncode: number | null = null
  #readerGone: Error | undefined
  #ended = false
  /** @internal What its exit settles, while somebody waits for that. */
  _waits: Iterable<Future<unknown>> = []
  #unowned = false
  /** A `stop` waits for the end, and will say so if that takes long. */
  #reports = false
  #open: number
  readonly #onExit: Array<() => void> = []
  readonly #onEnd: Array<() => void> = []
  readonly #timers: Array<() => void> = []
  #nextCheck: NodeJS.Timeout | undefined

  /**
   * @internal `process` has just been started. For reports, `what` is the call that did, and `starting` what was created there
   * with it.
   */
  constructor(
    loop: Home,
    processes: Processes,
    process: StartedProcess,
    pipes: ReadonlyMap<number, Socket>,
    plan: {
      readonly command: string
      readonly killGrace: number
      readonly killSignal: number
      readonly leads: boolean
      readonly what: string
      readonly starting: object
    }
  ) {
    this.pid = process.pid
    this.command = plan.command
    this.pipes = pipes
    this.leads = plan.leads
    this.#loop = loop
    this.#processes = processes
    this.#process = process
    this.#killGrace = plan.killGrace
    this.#killSignal = plan.killSignal
    this.#what = plan.what
    this.#starting = plan.starting
    this.#startedAt = loop.time()
    this.#open = pipes.size
    processes.add(this)
    process.once("exit", this.#exited)
    // Node would destroy it at the exit, with what the child has taken to the last byte: see `#endStdin`.
    process.stdin = null
    const stdin = pipes.get(0)
    if (stdin !== undefined) {
      onReaderGone(stdin, (why) => {
        this.#readerGone = why
        this.#endStdin()
      })
    }
    for (const pipe of pipes.values()) {
      // What fails in a pipe is told to whoever uses it. Without these an EPIPE would be nobody's, and uncaught.
      pipe.on("error", nothing)
      pipe.on("readable", nothing)
      pipe.once("close", () => {
        pipe.off("error", nothing)
        pipe.off("readable", nothing)
        this.#open--
        this.#forget()
      })
    }
  }

  /** The exit code, the negative number of the signal that ended it, or `null` while it runs. */
  get returncode(): number | null {
    return this.#returncode
  }

  /** Set once nobody reads its stdin any more. */
  get readerGone(): Error | undefined {
    return this.#readerGone
  }

  /** Whether the process has exited, and nothing of its own group is left; or its loop has let go of it. */
  get ended(): boolean {
    return this.#ended
  }

  /** Whether the child was told to end as a whole: closed, not only sent a signal. */
  get told(): boolean {
    return this.#state !== "running"
  }

  /**
   * Calls `f` from the loop's ready queue once it has exited, at the next pass if it has; the result takes it back. Does
   * not wait for the pipes: what was written to them can still be read.
   */
  onExit(f: () => void): () => void {
    let wanted = true
    const run = (): void => {
      if (wanted) f()
    }
    if (this.#returncode === null) this.#onExit.push(run)
    else this.#loop._afterQueued(run)
    return () => {
      wanted = false
      const at = this.#onExit.indexOf(run)
      if (at >= 0) this.#onExit.splice(at, 1)
    }
  }

  /**
   * Sends a signal to the process, not to its group. Throws {@link ProcessLookupError} once it has exited,
   * {@link SignalError} for an unknown signal and for one that this process may not send.
   */
  sendSignal(signal: NodeJS.Signals | number): void {
    const number = signalNumber(signal)
    if (this.#returncode !== null) throw new ProcessLookupError(this)
    const code = send(this.pid, number)
    // Gone before its exit was heard of, as with a helper: like a process that has ended and was not waited for, it takes signals.
    if (code !== undefined && code !== "ESRCH") throw refusedSignal(this, signal, code)
  }

  /**
   * Sends a signal to the process and its group. Where it leads none, to the process. Throws {@link ProcessLookupError} once
   * nothing of them runs, {@link SignalError} as `sendSignal` does.
   */
  signalGroup(signal: NodeJS.Signals | number): void {
    const number = signalNumber(signal)
    if (this.leads && (this.#returncode === null || groupLives(this.pid))) {
      const code = send(-this.pid, number)
      if (code === undefined) return
      // A group that has no member any more which may be signalled: its leader may still be one.
      if (code !== "ESRCH" && code !== "EPERM") throw refusedSignal(this, signal, code)
    }
    this.sendSignal(signal)
  }

  /** Sends SIGTERM to the process. Throws {@link ProcessLookupError} once it has exited. */
  terminate(): void {
    this.sendSignal(TERM)
  }

  /** Sends SIGKILL to the process. Throws {@link ProcessLookupError} once it has exited. */
  kill(): void {
    this.sendSignal(KILL)
  }

  /** `end`, with one report (`slowJoin`) if that takes long. */
  stop(then: () => void): void {
    this.checkGroup()
    if (this.#ended) return then()
    if (this.#reports) return this.end(then)
    this.#reports = true
    const notSlow = tellIfSlow(this.#loop, () => ({
      message:
        `closing has waited ${this.#loop._slowJoin}ms for ${this.#name()} (${this.#state}), ` +
        `which has not ended; it is killed ${this.#killGrace}ms after it was told to`
    }))
    this.end(() => {
      notSlow()
      then()
    })
  }

  /**
   * Ends it and its own group: its `killSignal`, after the grace SIGKILL. Calls `then` once, from anywhere, when all of it has
   * ended; at once if it has. A process that is stopped is continued, so that it can heed the signal.
   *
   * The grace passes in real time, as the process does; under a clock that is not the live one (TestClock) also when
   * that has moved so far, whichever is first: a closing under a clock that nobody moves still ends.
   */
  end(then: () => void): void {
    this.checkGroup()
    if (this.#ended) return then()
    this.#onEnd.push(then)
    // Where it was told before there was anybody to wait, nobody has looked for its end since.
    if (this.#state !== "running") return this.#watch(CHECK_FIRST)
    this.#state = "terminating"
    this.#signal(this.#killSignal)
    this.#signal(CONT)
    const { _clock: clock } = this.#loop
    const insist = (): void => this.#kill()
    if (this.#killGrace <= LONGEST) {
      const timer = setTimeout(insist, this.#killGrace)
      this.#timers.push(() => clearTimeout(timer))
    }
    if (!clock.live && this.#killGrace !== Infinity)
      this.#timers.push(after(this.#loop, this.#killGrace, insist))
    this.#watch(CHECK_FIRST)
  }

  /**
   * Calls `f` once when it and its own group have ended, at once if they have; the result takes it back. Tells nobody to end,
   * and waits for ever where nobody does.
   */
  onEnd(f: () => void): () => void {
    this.checkGroup()
    if (this.#ended) {
      f()
      return nothing
    }
    this.#onEnd.push(f)
    this.#watch(CHECK_FIRST)
    return () => {
      const at = this.#onEnd.indexOf(f)
      if (at >= 0) this.#onEnd.splice(at, 1)
    }
  }

  /** Whether the loop has nothing to do with it any more: see `unref`. */
  get unowned(): boolean {
    return this.#unowned
  }

  /**
   * The loop lets it go: it does not keep this process, is in no report, and neither the loop nor the process ends it. Its
   * pipes, which do keep this process, are closed with the loop. `ref` takes that back.
   */
  unref(): void {
    if (this.#unowned) return
    this.#unowned = true
    this.#process.unref()
    this.#processes.disown(this)
  }

  /** Takes back what `unref` has done. A child that has ended since stays let go, and so does one of a closed loop. */
  ref(): void {
    if (!this.#unowned) return
    this.#unowned = false
    this.#process.ref()
    if ((!this.#ended || this.#open > 0) && !this.#loop.isClosed()) this.#processes.add(this)
  }

  /** SIGKILL at once, for it and its group; then its pipes are closed. `then` is as in `end`. */
  discard(then: () => void): void {
    this.abandon()
    if (!this.#ended) this.#onEnd.push(then)
    this.#watch(CHECK_FIRST)
    this.closePipes()
    if (this.#ended) then()
  }

  /** @internal The loop lets go of it: SIGKILL, no waiting, and nothing of it keeps the process. */
  release(): void {
    if (!this.#ended) {
      this.#kill()
      this.#process.unref()
      this.#end()
    }
    this.closePipes()
  }

  /**
   * @internal SIGKILL, for it and its group, without waiting. Whoever closes its pipes as well does so after this: a child
   * that finds the end of its input takes what it has got for all of it, and would act on that.
   */
  abandon(): void {
    this.checkGroup()
    if (!this.#ended) this.#kill()
  }

  /** @internal Whether it or any of its group is seen to run. */
  showsRunning(): boolean {
    return !this.#ended && showsRunning(this.pid, this.leads)
  }

  /** @internal Ends it if the rest of its group has ended, which nobody tells of. */
  checkGroup(): void {
    if (!this.#ended && this.#returncode !== null && !(this.leads && groupLives(this.pid))) this.#end()
  }

  /** @internal The row of the child in a report. Who waits for one of its waits waits for it. */
  describe(): Leftover {
    const row: Leftover = {
      what: "process",
      name: this.#name(),
      age: this.#loop.time() - this.#startedAt,
      state: this.#state,
      waitingOn: this.#returncode === null ? "its exit" : "the processes of its group",
      createdAt: createdAt(this.#starting).replace(/^ created at /, "") || this.#what,
      blamed: true
    }
    return linked(row, [this, ...this._waits])
  }

  #name(): string {
    return `pid ${this.pid}: ${this.command}`
  }

  readonly #exited = (code: number | null, signal: NodeJS.Signals | null): void => {
    this.#returncode = returncodeOf(code, signal)
    this.#endStdin()
    const listeners = this.#onExit.splice(0)
    this.#loop._afterQueued(() => {
      for (const f of listeners) f()
    })
    this.checkGroup()
    this.#watch(CHECK_FIRST)
  }

  /**
   * Nobody reads its stdin, or the process that was given it has gone. What it has taken counts as written. What it has not
   * fails by itself, unless a grandchild reads on.
   */
  #endStdin(): void {
    const stdin = this.pipes.get(0)
    // Node makes an error for who ends it once more, and drops it.
    if (stdin !== undefined && !stdin.writableEnded && !stdin.destroyed) stdin.end()
  }

  /** Sends a signal to all of its own group, else to the process; nothing happens to what has gone. */
  #signal(signal: number): void {
    if (this.leads && (this.#returncode === null || groupLives(this.pid))) {
      if (send(-this.pid, signal) !== "ESRCH") return
    }
    if (this.#returncode === null) send(this.pid, signal)
  }

  #kill(): void {
    this.#state = "killed"
    this.#signal(KILL)
  }

  /** Checks now and then for the end of the rest of its group, of which nobody tells, while somebody waits for that. */
  #watch(delay: number): void {
    if (this.#ended || this.#returncode === null || this.#onEnd.length === 0 || this.#nextCheck !== undefined)
      return
    this.#nextCheck = setTimeout(() => {
      this.#nextCheck = undefined
      // What was forked while the signal was on its way has not got it.
      if (this.#state === "killed") this.#signal(KILL)
      this.checkGroup()
      this.#watch(Math.min(2 * delay, CHECK_LAST))
    }, delay)
  }

  #end(): void {
    this.#ended = true
    for (const cancel of this.#timers.splice(0)) cancel()
    clearTimeout(this.#nextCheck)
    this.#forget()
    for (const f of this.#onEnd.splice(0)) f()
  }

  /** Closes the parent's ends of the pipes; what is in them still is dropped. */
  closePipes(): void {
    for (const pipe of this.pipes.values()) pipe.destroy()
  }

  #forget(): void {
    if (this.#ended && this.#open === 0) this.#processes.delete(this)
  }
}

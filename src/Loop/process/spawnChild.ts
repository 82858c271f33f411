/** Starting a child process: the plan carried out, and what the system says when it cannot be. */
import { type ChildProcess, spawn } from "node:child_process"
import { accessSync, closeSync, constants, existsSync, fstatSync, openSync, statSync } from "node:fs"
import type { Socket } from "node:net"
import { resolve } from "node:path"
import type { Stream } from "node:stream"
import { checkRoom } from "./checkRoom.js"
import { Child } from "./Child.js"
import { LoopClosedError } from "../kernel/errors.js"
import { SpawnError } from "../errors.js"
import { pipesOf, startOf } from "./helped.js"
import type { StartedProcess } from "./HelpedChild.js"
import type { Start } from "./helperProgram.js"
import { Future, readAsFuture } from "../kernel/Future.js"
import { type Processes, processesOf } from "./Processes.js"
import { socketPair, type SocketPair } from "./socketPair.js"
import {
  type Redirect,
  type SpawnPlan,
  spawnPlan,
  type SubprocessDefaults,
  type SubprocessOptions
} from "./SubprocessOptions.js"
import type { Home } from "../ports.js"

/** What Node takes for one file descriptor of a child. */
type StdioEntry = "pipe" | "ignore" | "inherit" | number | Stream

/** The system's own words for what can go wrong. */
const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "not permitted",
  E2BIG: "the arguments and the environment are too long",
  EAGAIN: "there are too many processes",
  ENOMEM: "there is not enough memory",
  EMFILE: "this process has too many files open",
  ENFILE: "the system has too many files open",
  EBADF: "a file descriptor that it is given is not open",
  ENOEXEC: "it is no program",
  EPIPE: "the helper process that was to start it has ended"
}

/** What is wrong with the working directory, if that is why: the system says the same of a missing program. */
const aboutCwd = (cwd: string | undefined): string | undefined => {
  if (cwd === undefined) return undefined
  try {
    if (!statSync(cwd).isDirectory()) return `its working directory ${cwd} is no directory`
    accessSync(cwd, constants.X_OK)
    return undefined
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === "ENOENT") return `its working directory ${cwd} does not exist`
    return `its working directory ${cwd} cannot be entered (${code})`
  }
}

const why = (code: string, { cwd, file }: SpawnPlan): string => {
  const about = code === "ENOENT" || code === "EACCES" || code === "ENOTDIR" ? aboutCwd(cwd) : undefined
  if (about !== undefined) return about
  if (code !== "ENOENT") return reasons[code] ?? "the system refused"
  if (!file.includes("/")) return `there is no program ${file} on the PATH of its environment`
  // The system looks for it from where the child is to work.
  return existsSync(resolve(cwd ?? "", file))
    ? `${file} is there, but the interpreter that it names is not`
    : `there is no program ${file}`
}

const spawnError = (cause: unknown, plan: SpawnPlan): SpawnError => {
  // Node puts all words of the command into it.
  if (!plan.shown && typeof cause === "object" && cause !== null && "spawnargs" in cause)
    cause.spawnargs = [plan.command]
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? "UNKNOWN"
  return new SpawnError({ command: plan.command, cwd: plan.cwd, code, why: why(code, plan), cause })
}

/**
 * Throws the system's EBADF for a descriptor that is given away and is not open. To be called before anything is opened
 * for the start: that might get the number, and the child would be given something that is the library's.
 */
const checkOpen = ({ fds, stderr, stdin, stdout }: SpawnPlan): void => {
  const given: ReadonlyArray<readonly [number, Redirect | "stdout"]> = [
    [0, stdin],
    [1, stdout],
    [2, stderr],
    ...fds
  ]
  for (const [fd, to] of given) {
    if (typeof to === "number") fstatSync(to)
    else if (to === "inherit") fstatSync(fd)
  }
}

/** What Node takes for the child's file descriptors, and the ones that were opened for that. */
const entriesFor = (plan: SpawnPlan, both: Socket | undefined, opened: Array<number>): Array<StdioEntry> => {
  const entry = (to: Redirect, fd: number): StdioEntry => {
    if (to === "pipe" || to === "inherit" || typeof to === "number") return to
    // Beyond the first three, Node takes "ignore" to mean that there is none.
    if (to === "devnull" && fd < 3) return "ignore"
    if (to === "devnull") {
      opened.push(openSync("/dev/null", "r+"))
      return opened.at(-1) as number
    }
    return to as Stream
  }
  const stdout = both ?? entry(plan.stdout, 1)
  const stderr = plan.stderr !== "stdout" ? entry(plan.stderr, 2) : stdout === "inherit" ? 1 : stdout
  const entries: Array<StdioEntry> = [entry(plan.stdin, 0), stdout, stderr]
  for (const [fd, to] of plan.fds) {
    while (entries.length < fd) entries.push("ignore")
    entries[fd] = entry(to, fd)
  }
  return entries
}

/** Our ends of a child's pipes, by its numbers; `both` is the one that its stdout and stderr share. */
const pipesIn = (child: ChildProcess, both: Socket | undefined): ReadonlyMap<number, Socket> => {
  const pipes = new Map<number, Socket>()
  child.stdio.forEach((pipe, fd) => {
    if (pipe !== null && pipe !== undefined) pipes.set(fd, pipe as Socket)
  })
  if (both !== undefined) pipes.set(1, both)
  return pipes
}

const hasStarted = (child: ChildProcess): child is ChildProcess & { readonly pid: number } =>
  child.pid !== undefined

/**
 * The start of one child, as a Future.
 *
 * Legal states while pending: joining the two ends of what stdout and stderr share; asked of the helper; waiting for the
 * system's answer, or for the pass that tells it. Cancelling kills what has been started, and the Future is cancelled when that
 * has ended.
 */
class Spawning extends Future<Child> {
  static {
    readAsFuture(this)
  }

  readonly #loop: Home
  readonly #processes: Processes
  readonly #what: string
  readonly #plan: SpawnPlan
  #pair: SocketPair | undefined
  #child: Child | undefined
  #discarded = false
  /** What takes it back from the helper, while that has not answered. */
  #takeBack: (() => boolean) | undefined
  #stopped: { readonly message: unknown } | undefined

  constructor(loop: Home, processes: Processes, what: string, plan: SpawnPlan) {
    super(loop, (message) => this.#cancel(message))
    this.#loop = loop
    this.#processes = processes
    this.#what = what
    this.#plan = plan
    const helped = loop._spawnHelper && processes.helper.serves ? startOf(plan) : undefined
    if (helped !== undefined) this.#ask(helped)
    else if (plan.stderr === "stdout" && plan.stdout === "pipe") this.#join()
    else this.#start()
  }

  #join(): void {
    try {
      checkOpen(this.#plan)
      // What listens, and both ends.
      checkRoom(3)
    } catch (error) {
      return this.#fail(error)
    }
    this.#pair = socketPair((error, ours, theirs) => {
      if (error === undefined) this.#start(ours, theirs)
      else this.#fail(error)
    })
  }

  /** Has the helper start it. */
  #ask(start: Start): void {
    const fds = pipesOf(this.#plan)
    try {
      checkOpen(this.#plan)
      if (fds.length > 0) checkRoom(fds.length)
    } catch (error) {
      return this.#fail(error)
    }
    this.#takeBack = this.#processes.helper.start(start, fds, (error, child, pipes = new Map()) => {
      this.#takeBack = undefined
      if (child !== undefined) this.#started(child, pipes)
      else if (this.#stopped === undefined) this.#fail(error)
      else this._settleCancelled(this.#stopped.message)
    })
  }

  #start(ours?: Socket, theirs?: Socket): void {
    const { args, argv0, cwd, detached, env, file, gid, uid } = this.#plan
    const opened: Array<number> = []
    try {
      if (this.done()) return
      this.#processes.refuseReleased(this.#what)
      checkOpen(this.#plan)
      const stdio = entriesFor(this.#plan, theirs, opened)
      const pipes = stdio.filter((entry) => entry === "pipe").length
      // Both ends of each, and of the one by which the child tells why its program cannot be run.
      if (pipes > 0) checkRoom(2 * pipes + 2)
      const child = spawn(file, args, {
        argv0,
        cwd,
        env,
        detached,
        stdio,
        windowsHide: true,
        ...(uid === undefined ? {} : { uid }),
        ...(gid === undefined ? {} : { gid })
      })
      if (hasStarted(child)) this.#started(child, pipesIn(child, ours))
      else {
        // The reason comes as an event.
        child.once("error", (error) => this.#fail(error))
        for (const pipe of child.stdio ?? []) pipe?.destroy()
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      for (const fd of opened) closeSync(fd)
      theirs?.destroy()
      if (this.#child === undefined) ours?.destroy()
      this.#pair = undefined
    }
  }

  #started(process: StartedProcess, pipes: ReadonlyMap<number, Socket>): void {
    const { command, detached, killGrace, killSignal } = this.#plan
    const child = new Child(this.#loop, this.#processes, process, pipes, {
      command,
      killGrace,
      killSignal,
      leads: detached && globalThis.process.platform !== "win32",
      what: this.#what,
      starting: this
    })
    this.#child = child
    if (this.#stopped !== undefined) return void this.#discard(child, this.#stopped.message)
    this.#loop._afterQueued(() => {
      if (!this.done() && !this.#discarded) this._settleValue(child)
      else if (!this.#discarded) child.discard(() => {})
    })
  }

  #fail(error: unknown): void {
    const failure = error instanceof LoopClosedError ? error : spawnError(error, this.#plan)
    this.#loop._afterQueued(() => {
      if (!this.done()) this._settleError(failure)
    })
  }

  #cancel(message: unknown): boolean {
    this.#pair?.destroy()
    this.#pair = undefined
    const child = this.#child
    if (this.#takeBack !== undefined) {
      if (this.#takeBack()) return false
      // What the helper may have started is not known yet.
      this.#stopped ??= { message }
    } else if (child === undefined) return false
    else this.#discard(child, message)
    return true
  }

  #discard(child: Child, message: unknown): void {
    if (this.#discarded) return
    this.#discarded = true
    child.discard(() => {
      if (!this.done()) this._settleCancelled(message)
    })
  }
}

/**
 * Starts a program, at once. Throws what is wrong with the arguments and LoopClosedError; the Future fails with
 * {@link SpawnError} if the system refuses. Cancelling it while it is pending kills what may have been started, and
 * waits for its end.
 */
export const spawnChild = (
  loop: Home,
  what: string,
  program: string | URL,
  args: ReadonlyArray<string | URL>,
  options: SubprocessOptions,
  defaults: SubprocessDefaults
): Future<Child> => spawnPlanned(loop, what, spawnPlan(program, args, options, defaults))

/** The same for what was checked before. */
export const spawnPlanned = (loop: Home, what: string, plan: SpawnPlan): Future<Child> => {
  const processes = processesOf(loop)
  processes.refuse(what)
  return new Spawning(loop, processes, what, plan)
}

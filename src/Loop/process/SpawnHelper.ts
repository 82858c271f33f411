/**
 * The small process that starts a loop's children where the loop was opened with `spawnHelper`. Node forks, which takes the longer
 * the more memory a process has: 20 to 40 milliseconds for 500 MB, in which nothing else runs. A message takes a fraction of one.
 *
 * The children are its own, not ours: it sees them exit, and tells. Signals are sent from here, by number. Pipes are connections
 * to it, which it gives to the child and forgets: Node would send sockets by its channel one after the other, each acknowledged.
 */
import { AsyncResource } from "node:async_hooks"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import type { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { checkRoom } from "./checkRoom.js"
import { type Address, connectPipes, type Connecting } from "./connectPipes.js"
import { HelpedChild } from "./HelpedChild.js"
import { type Answer, helperProgram, type HelpedError, type Start, type Told } from "./helperProgram.js"
import { send, showsRunning, signalNumber } from "./processGroups.js"
import type { Home } from "../ports.js"

/** It outlives the code that asked for it first: nothing of its async-local state is kept. */
const home = new AsyncResource("effect-aio", { requireManualDestroy: true })

/** So many starts are under way at once; more wait here. The helper has as few descriptors as any process. */
const WIDTH = 16

/** How often one looks for the end of a child that was killed, and that nobody tells of, in milliseconds. */
const CHECK = 5

/** The exit code of a child that nobody saw exit, as asyncio has it. */
const UNKNOWN = 255

/** How a start went; with a child come its pipes, by its numbers. */
export type Started = (
  error: Error | undefined,
  child?: HelpedChild,
  pipes?: ReadonlyMap<number, Socket>
) => void

/** A start that was asked for. Legal states: waiting; its pipes being connected; told, and to be answered. */
interface Ask {
  readonly start: Start
  readonly fds: ReadonlyArray<number>
  readonly then: Started
  /** That of whoever asked. */
  readonly context: AsyncResource
  connecting: Connecting | undefined
  pipes: ReadonlyMap<number, Socket>
  told: boolean
}

interface Known {
  readonly child: HelpedChild
  readonly context: AsyncResource
}

/** One process of them. Legal states: beginning; listening; gone. `leaving` is what this process wants of it. */
interface Helper {
  readonly process: ChildProcess
  readonly address: Address & { readonly folder: string | undefined }
  /** Whose rights it has. */
  readonly user: string
  listens: boolean
  leaving: boolean
}

const userNow = (): string => `${process.geteuid?.()} ${process.getegid?.()}`

/** The system's error, as Node tells it. It names the words of the command where it names its program. */
const asError = ({ message, ...rest }: HelpedError, { args }: Start): Error =>
  Object.assign(new Error(message), rest, rest.path === undefined ? {} : { spawnargs: [...args] })

const helperGone = (message: string): Error => Object.assign(new Error(message), { code: "EPIPE" })

/** How a connection to a helper fails that ends just then. */
const GONE: ReadonlySet<string> = new Set(["ECONNRESET", "ECONNREFUSED", "ECONNABORTED", "ENOENT"])

const kill = ({ leads, pid }: HelpedChild): void => void send(leads ? -pid : pid, signalNumber("SIGKILL"))

const random = (): Buffer => Buffer.from(crypto.getRandomValues(new Uint8Array(16)))

const newAddress = (): Helper["address"] => {
  const folder = process.platform === "linux" ? undefined : mkdtempSync(join(tmpdir(), "effect-aio-"))
  return {
    path: folder === undefined ? `\0effect-aio-${random().toString("hex")}` : join(folder, "s"),
    folder,
    token: random()
  }
}

const removeFolder = (folder: string | undefined): void => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
}

/** In an executable of its own the program would start again as its own helper. */
const isAlone = (): boolean => process.getBuiltinModule("node:sea")?.isSea() === true

/**
 * Legal states: no process yet, or none any more, as after it has died: the next start makes one; one that runs.
 */
export class SpawnHelper {
  readonly #loop: Home
  #helper: Helper | undefined
  #next = 0
  /** How many asks and children keep this process. */
  #keeping = 0
  /** In the order in which they came. */
  readonly #asks = new Map<number, Ask>()
  #underWay = 0
  readonly #children = new Map<number, Known>()
  #onSettled: Array<() => void> = []

  constructor(loop: Home) {
    this.#loop = loop
  }

  /** Whether there is a process. */
  get runs(): boolean {
    return this.#helper !== undefined
  }

  /** Whether it may start what this process may: not after this one has become another user's. */
  get serves(): boolean {
    return this.#helper === undefined ? !isAlone() : this.#helper.user === userNow()
  }

  /**
   * Starts a child with pipes for these of its numbers. `then` comes once, from an event. The result takes the start back, if
   * nobody was told of it yet: then it says so, and `then` does not come.
   */
  start(start: Start, fds: ReadonlyArray<number>, then: Started): () => boolean {
    const id = this.#next++
    const ask: Ask = {
      start,
      fds,
      then,
      context: new AsyncResource("effect-aio", { requireManualDestroy: true }),
      connecting: undefined,
      pipes: new Map(),
      told: false
    }
    this.#asks.set(id, ask)
    this.#keep(true)
    if (this.#helper === undefined) home.runInAsyncScope(() => this.#open())
    else this.#goOn()
    return () => {
      if (ask.told || !this.#asks.has(id)) return false
      ask.connecting?.destroy()
      this.#settle(id, ask)
      return true
    }
  }

  /** Calls `then` when all that it was asked for has been answered, at once if it has. */
  settled(then: () => void): void {
    if (this.#asks.size === 0) then()
    else this.#onSettled.push(then)
  }

  /** Has it leave; `then` comes when it has, from an event, or at once where there is none. */
  end(then: () => void): void {
    const helper = this.#helper
    if (helper === undefined) return then()
    helper.process.once("exit", () => then())
    helper.process.ref()
    this.#leave(helper)
  }

  /** Has it leave, without waiting: as soon as all of its children have been heard of, which whoever released it has killed. */
  release(): void {
    const helper = this.#helper
    if (helper === undefined || helper.leaving) return
    helper.leaving = true
    for (const [id, ask] of [...this.#asks]) {
      if (ask.told) continue
      ask.connecting?.destroy()
      this.#answer(id, ask, this.#closed())
    }
    // Stopped (SIGSTOP) it would not answer.
    helper.process.kill("SIGCONT")
    this.#leaveIfIdle(helper)
  }

  #leaveIfIdle(helper: Helper): void {
    if (!helper.leaving || this.#asks.size > 0 || this.#children.size > 0) return
    this.#leave(helper)
  }

  #leave(helper: Helper): void {
    helper.leaving = true
    helper.process.kill("SIGKILL")
    if (helper.process.connected) helper.process.disconnect()
    removeFolder(helper.address.folder)
  }

  #closed(): Error {
    return this.#loop._closedError("a child process was to be started on a loop that is closing")
  }

  #open(): void {
    let address: Helper["address"] | undefined
    const source = `(${helperProgram.toString()})()`
    let started: ChildProcess
    try {
      // Both ends of the channel, and of what its start takes.
      checkRoom(4)
      address = newAddress()
      started = spawn(process.execPath, ["-e", source], {
        stdio: ["inherit", "inherit", "inherit", "ipc"],
        // Options for Node are for the program: a debugger or a loader of its would be no help here.
        env: { ...process.env, NODE_OPTIONS: "", NODE_V8_COVERAGE: "" }
      })
    } catch (error) {
      removeFolder(address?.folder)
      setImmediate(() => this.#failAll(error instanceof Error ? error : new Error(String(error))))
      return
    }
    const helper: Helper = { process: started, address, user: userNow(), listens: false, leaving: false }
    this.#helper = helper
    started.on("error", (error) => {
      if (started.pid !== undefined) return
      removeFolder(helper.address.folder)
      this.#helper = undefined
      this.#failAll(error)
    })
    started.once("exit", (code, signal) => this.#onEnd(helper, signal ?? `exit code ${code}`))
    started.on("message", (answer: Answer) => this.#onAnswer(helper, answer))
    this.#ref()
    const { folder, path, token } = address
    this.#tell({ path, folder, token: token.toString("hex") })
  }

  /** Begins what waits, as far as there is room. */
  #goOn(): void {
    const helper = this.#helper
    if (helper === undefined || !helper.listens || helper.leaving) return
    for (const [id, ask] of this.#asks) {
      if (this.#underWay >= WIDTH) return
      if (ask.told || ask.connecting !== undefined) continue
      this.#underWay++
      if (ask.fds.length === 0) this.#tellOf(id, ask)
      else {
        ask.connecting = home.runInAsyncScope(() =>
          connectPipes(helper.address, id, ask.fds, (error, pipes) => {
            ask.pipes = pipes
            if (error === undefined) this.#tellOf(id, ask)
            else
              this.#answer(
                id,
                ask,
                GONE.has(String((error as NodeJS.ErrnoException).code)) ? helperGone(error.message) : error
              )
          })
        )
      }
    }
  }

  #tellOf(id: number, ask: Ask): void {
    ask.told = true
    this.#tell({ id, start: ask.start, pipes: ask.fds.length })
  }

  /** What cannot be told is ended with it. */
  #tell(told: Told): void {
    const { process } = this.#helper ?? {}
    if (process?.connected === true) process.send(told, () => {})
  }

  #keep(more: boolean): void {
    this.#keeping += more ? 1 : -1
    this.#ref()
  }

  #ref(): void {
    const helper = this.#helper?.process
    // The channel is gone before the process is.
    for (const one of [helper, helper?.channel]) {
      if (this.#keeping > 0) one?.ref()
      else one?.unref()
    }
  }

  #onAnswer(helper: Helper, answer: Answer): void {
    if ("listens" in answer) {
      helper.listens = true
      return this.#goOn()
    }
    const { id } = answer
    if ("code" in answer) {
      const known = this.#children.get(id)
      if (known === undefined) return
      this.#children.delete(id)
      this.#leaveIfIdle(helper)
      return this.#afterOutput(() =>
        known.context.runInAsyncScope(() => known.child.exited(answer.code, answer.signal))
      )
    }
    const ask = this.#asks.get(id)
    if (ask === undefined) return
    if ("error" in answer) return this.#answer(id, ask, asError(answer.error, ask.start))
    const child = new HelpedChild(answer.pid, ask.start.options.detached, (keeps) => {
      this.#keep(keeps)
      if (this.#children.has(id)) this.#tell({ id, loose: !keeps })
    })
    this.#keep(true)
    this.#children.set(id, { child, context: ask.context })
    if (!helper.leaving) return this.#answer(id, ask, undefined, child)
    child.unref()
    kill(child)
    this.#answer(id, ask, this.#closed())
  }

  /**
   * Calls `f` when what a child has written before it exited can be read, if nobody was slow to: as where Node sees it exit. Its
   * pipes may be read from the next turn on alone, where the start was heard of in this one.
   */
  #afterOutput(f: () => void): void {
    setImmediate(() => setImmediate(f))
  }

  #answer(id: number, ask: Ask, error: Error | undefined, child?: HelpedChild): void {
    if (error !== undefined) for (const pipe of ask.pipes.values()) pipe.destroy()
    ask.context.runInAsyncScope(() => ask.then(error, child, ask.pipes))
    if (child !== undefined) ask.connecting?.handOver()
    this.#settle(id, ask)
  }

  #settle(id: number, ask: Ask): void {
    this.#asks.delete(id)
    if (ask.told || ask.connecting !== undefined) this.#underWay--
    this.#keep(false)
    if (this.#helper !== undefined) this.#leaveIfIdle(this.#helper)
    if (this.#asks.size > 0) this.#goOn()
    else for (const then of this.#onSettled.splice(0)) then()
  }

  #failAll(error: Error): void {
    for (const [id, ask] of [...this.#asks]) {
      ask.connecting?.destroy()
      this.#answer(id, ask, error)
    }
  }

  /**
   * It has gone. Where it was not told to, nobody sees its children exit any more: they are killed, but for those that were set
   * loose, and it is said.
   */
  #onEnd(helper: Helper, how: string): void {
    this.#helper = undefined
    removeFolder(helper.address.folder)
    const orphans = [...this.#children.values()]
    this.#children.clear()
    if (helper.leaving) return this.#failAll(this.#closed())
    const message = `the helper process ${helper.process.pid} that starts children has ended (${how})`
    const pids = orphans.filter(({ child }) => child.keeps).map(({ child }) => child.pid)
    this.#loop.callExceptionHandler({
      kind: "late",
      message:
        message +
        (pids.length === 0 ? "" : `; the children that it had started were killed: pid ${pids.join(", ")}`)
    })
    for (const { child, context } of orphans) context.runInAsyncScope(() => this.#bury(child))
    this.#failAll(helperGone(message))
  }

  /** Looks for the end of a child that nobody tells of any more, and kills it, unless it was set loose. */
  #bury(child: HelpedChild): void {
    const killed = child.keeps
    if (killed) kill(child)
    const look = (): void => {
      if (!showsRunning(child.pid, false))
        return killed ? child.exited(null, "SIGKILL") : child.exited(UNKNOWN, null)
      const timer = setTimeout(look, CHECK)
      if (!child.keeps) timer.unref()
    }
    look()
  }
}

/**
 * A process that is looked at through Node's inspector. It is opened by SIGUSR1 where it is not open, on the loopback alone, and
 * closed again. While it is open, whoever may connect to that port may run code in the process: any user of the machine.
 */
import { setTimeout as pause } from "node:timers/promises"
import { lives } from "../Loop/inspect/lives.js"
import { WIRE } from "../Loop/inspect/wireName.js"
import { busyWith } from "./busy.js"
import { CliError } from "./CliError.js"
import { ANSWER, evaluate } from "./evaluate.js"
import { arrive, calling, cancelThere, leave, tell, type Told } from "./remote.js"
import { NoAnswer, Session, SessionEnded } from "./Session.js"
import { listeningPorts } from "./target.js"
import type { ThreadDumps, Viewed } from "./Viewed.js"
import { Workers } from "./Workers.js"

/** Node's port, where the process was not given another. */
const PORT = 9229

/** How long the inspector may take to listen, in milliseconds, and how often one looks. */
const OPENING = 3_000
const STEP = 20

/** After how long it is asked again, and its other ports are asked, in milliseconds: a multiple of STEP. */
const AGAIN = 300

/** Where the process keeps who looks at it. */
const VIEWERS = "effect-aio/viewers"

/** A session with this process, and no other that happens to listen there. */
const sessionOf = async (pid: number, port: number): Promise<Session | undefined> => {
  const session = await Session.open(port)
  if (session === undefined) return undefined
  try {
    if (Number(await evaluate(session, "process.pid")) === pid) return session
  } catch (error) {
    // It says nothing: where it is the process that was meant, it is busy.
    if (error instanceof NoAnswer && listeningPorts(pid).has(port)) return session
  }
  session.close()
  return undefined
}

interface Opened {
  readonly session: Session
  /** Whether it was opened for this. */
  readonly ours: boolean
}

const firstOf = async (pid: number, ports: Iterable<number>): Promise<Session | undefined> => {
  for (const port of ports) {
    const session = await sessionOf(pid, port)
    if (session !== undefined) return session
  }
  return undefined
}

const openInspector = async (pid: number, given: number | undefined): Promise<Opened> => {
  let before = listeningPorts(pid)
  const known = given ?? (before.has(PORT) ? PORT : undefined)
  const there = known === undefined ? undefined : await sessionOf(pid, known)
  if (there !== undefined) return { session: there, ours: false }
  for (let waited = 0; waited < OPENING; waited += STEP) {
    // Again and again: one that was open when this began may have been closed since.
    if (waited % AGAIN === 0) process.kill(pid, "SIGUSR1")
    await pause(STEP)
    if (!lives(pid)) throw new SessionEnded()
    const now = [...listeningPorts(pid)]
    const news = now.filter((port) => !before.has(port))
    // Where one was closed, and the same port is open again, that is new.
    before = new Set(now.filter((port) => before.has(port)))
    const candidates = given !== undefined ? [given] : process.platform === "linux" ? news : [PORT]
    const session = await firstOf(pid, candidates)
    if (session !== undefined) return { session, ours: true }
    if (given !== undefined || (waited + STEP) % AGAIN !== 0) continue
    // Nothing new listens: it may be one of those that did before.
    const open = await firstOf(pid, before)
    if (open !== undefined) return { session: open, ours: false }
  }
  throw new CliError(
    `process ${pid} has not opened its inspector within ${OPENING}ms. Where another one listens on port ${PORT}, start it with ` +
      "NODE_OPTIONS=--inspect-port=0; where it was started with --inspect-port, give that as --port"
  )
}

const threadOf = (value: string, busy?: ReadonlyArray<string>): ThreadDumps => {
  const { dumps, thread } = JSON.parse(value) as Told
  return { thread, dumps: dumps ?? [], library: dumps !== undefined, busy }
}

export class Inspected implements Viewed {
  readonly by = "its inspector"
  #workers: Workers | undefined

  private constructor(
    readonly pid: number,
    private readonly session: Session
  ) {}

  /** Throws CliError where there is none, and none can be opened. `port` is that of its inspector, where it is known. */
  static async open(pid: number, port: number | undefined): Promise<Inspected> {
    try {
      return await this.#arrive(pid, port)
    } catch (error) {
      // The last viewer before this one may just have closed it.
      if (!(error instanceof SessionEnded) || !lives(pid)) throw error
      return await this.#arrive(pid, port)
    }
  }

  static async #arrive(pid: number, port: number | undefined): Promise<Inspected> {
    const { ours, session } = await openInspector(pid, port)
    try {
      // A Node that ends waits for all who are connected: for this one it does not.
      session.on("NodeRuntime.waitingForDisconnect", () => session.close())
      await session.send("NodeRuntime.notifyWhenWaitingForDisconnect", { enabled: true }, ANSWER)
      await evaluate(session, calling(arrive, VIEWERS, process.pid, ours))
    } catch (error) {
      session.close()
      throw error
    }
    return new Inspected(pid, session)
  }

  async look(most: number): Promise<ReadonlyArray<ThreadDumps>> {
    const question = calling(tell, WIRE, most)
    const value = await evaluate(this.session, question)
    const busy = await busyWith(this.session)
    const main = threadOf(value, busy)
    // What a busy thread would have to pass on does not come.
    if (busy !== undefined) return [main]
    this.#workers ??= await Workers.of(this.session)
    const answers = await this.#workers.ask(question)
    return [
      main,
      ...answers.map(({ thread, value }) =>
        value === undefined
          ? {
              thread,
              dumps: [],
              library: false,
              busy: ["it has not answered: it may be in a call of the system"]
            }
          : threadOf(value)
      )
    ]
  }

  async cancel(thread: number, key: number): Promise<string> {
    const source = calling(cancelThere, WIRE, key)
    if (thread === 0) return (await evaluate(this.session, source)) || "it is not there any more"
    this.#workers ??= await Workers.of(this.session)
    const [answer] = await this.#workers.ask(source, thread)
    if (answer?.value === undefined) return "its thread has not answered"
    return answer.value || "it is not there any more"
  }

  async close(): Promise<void> {
    try {
      await evaluate(this.session, calling(leave, VIEWERS, process.pid))
    } catch {
      // It has ended, or says nothing: it sees for itself that nobody is there.
    }
    this.session.close()
  }
}

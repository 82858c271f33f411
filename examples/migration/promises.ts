// The parts of the service as they were before the migration. Comments that begin with BUG name what is wrong with them;
// each is quiet until the day of the deployment. The steps take these parts away one by one.
import { once } from "node:events"
import { open, readdir, readFile, rm } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"
import type { Job } from "./world.js"

export const CONCURRENCY = 4
export const ATTEMPTS = 3
export const TIMEOUT = 1_000
export const BACKOFF = 20
/** How long jobs that were accepted may take when the service closes. */
export const DRAIN = 3_000

/** One attempt to pay. */
export const pay = async (bank: string, job: Job, signal?: AbortSignal): Promise<string> => {
  const response = await fetch(bank, { method: "POST", body: JSON.stringify(job), signal: signal ?? null })
  if (!response.ok) throw new Error(`the bank answered ${response.status}`)
  return ((await response.json()) as { receipt: string }).receipt
}

/** A file to which lines are added. */
export interface Ledger {
  readonly append: (line: string) => Promise<void>
  readonly close: () => Promise<void>
}

export const openLedger = async (path: string): Promise<Ledger> => {
  const file = await open(path, "a")
  return { append: (line) => file.appendFile(`${line}\n`), close: () => file.close() }
}

/** The jobs that others leave in a directory. */
export async function* poll(spool: string, signal?: AbortSignal): AsyncGenerator<Job, void> {
  for (;;) {
    for (const name of (await readdir(spool)).filter((name) => name.endsWith(".json")).sort()) {
      const path = join(spool, name)
      const job = JSON.parse(await readFile(path, "utf8")) as Job
      await rm(path)
      // BUG: a job that is read, and not taken because the service closes, is lost.
      yield job
    }
    await sleep(20, undefined, { signal })
  }
}

/** Some at a time, each with a timeout, several attempts, and pauses in between. */
export class JobQueue {
  accepted = 0
  finished = 0
  readonly #waiting: Array<Job> = []
  readonly #stopping = new AbortController()
  #active = 0
  #onIdle: () => void = () => {}

  constructor(
    private readonly attempt: (job: Job, signal: AbortSignal) => PromiseLike<string>,
    private readonly done: (line: string) => PromiseLike<void>
  ) {}

  add(job: Job): void {
    this.accepted++
    this.#waiting.push(job)
    this.#next()
  }

  /** Lets what was accepted come to an end, and stops it when that takes too long. */
  async close(): Promise<void> {
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve
    })
    this.#next()
    const timer = setTimeout(() => this.#stopping.abort(), DRAIN)
    // BUG: an attempt that does not heed its signal keeps the process for ever, and nobody says which.
    await idle
    clearTimeout(timer)
  }

  #next(): void {
    for (let job; this.#active < CONCURRENCY && (job = this.#waiting.shift()) !== undefined;) {
      this.#active++
      // BUG: nobody waits for this promise. When `done` fails, say because the disk is full, the process dies of an
      // unhandled rejection, and none of the shutdown code runs.
      void this.#run(job).finally(() => {
        this.#active--
        this.finished++
        this.#next()
      })
    }
    if (this.#active === 0) this.#onIdle()
  }

  async #run(job: Job): Promise<void> {
    for (let n = 1; n <= ATTEMPTS && !this.#stopping.signal.aborted; n++) {
      const late = new AbortController()
      const timer = setTimeout(() => late.abort(), TIMEOUT)
      try {
        const receipt = await this.attempt(job, AbortSignal.any([late.signal, this.#stopping.signal]))
        return await this.done(`${job.id} ${receipt}`)
      } catch {
        // BUG: an error of `done` comes here too: what was paid is paid a second time.
        // BUG: the pause heeds no signal.
        await sleep(BACKOFF * 2 ** (n - 1))
      } finally {
        clearTimeout(timer)
      }
    }
    await this.done(`${job.id} given up`)
  }
}

/** What the server asks for. */
export interface Handlers {
  readonly add: (job: Job) => PromiseLike<void> | void
  readonly status: () => PromiseLike<object> | object
}

export interface Listening {
  readonly url: string
  readonly close: () => Promise<void>
}

export const listen = async ({ add, status }: Handlers): Promise<Listening> => {
  // BUG: an async function as a callback. What it throws, for a body that is no JSON, ends the process.
  const server = createServer(async (request, response) => {
    if (request.method === "POST") {
      await add(JSON.parse(await text(request)) as Job)
      response.writeHead(202).end()
    } else response.end(JSON.stringify(await status()))
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const close = async (): Promise<void> => {
    const closed = once(server, "close")
    server.close()
    server.closeIdleConnections()
    await closed
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

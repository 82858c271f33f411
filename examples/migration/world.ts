// The world around the service, which no migration changes: a bank that is not always well, a directory in which others
// leave jobs as files, and, for `--once`, the clients. Promise code, and it stays so.
import { once } from "node:events"
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"

export interface Job {
  readonly id: string
  readonly amount: number
}

/** Where things are. */
export interface World {
  /** The URL of the bank. */
  readonly bank: string
  /** The directory for jobs. */
  readonly spool: string
  /** The file for results. */
  readonly ledger: string
  readonly close: () => Promise<void>
}

/** Whether this run ends by itself. */
export const isOnce = process.argv.includes("--once")

const JOBS = 16
const jobs = Array.from({ length: JOBS }, (_, n): Job => ({
  id: `job-${String(n + 1).padStart(2, "0")}`,
  amount: (n + 1) * 10
}))

/** The bank refuses some jobs at first, leaves some without an answer at first, and never takes the last one. */
const openBank = async () => {
  const asked = new Map<string, number>()
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { id, amount } = JSON.parse(body) as Job
      const times = (asked.get(id) ?? 0) + 1
      asked.set(id, times)
      const n = amount / 10
      if (n === JOBS || (times === 1 && n % 4 === 1)) response.writeHead(503).end()
      else if (times > 1 || n % 6 !== 5) response.end(JSON.stringify({ receipt: `paid-${amount}` }))
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

export const openWorld = async (): Promise<World> => {
  const directory = await mkdtemp(join(tmpdir(), "effect-aio-migration-"))
  const { server, url } = await openBank()
  return {
    bank: url,
    spool: directory,
    ledger: join(directory, "ledger.txt"),
    close: async () => {
      server.close()
      server.closeAllConnections()
      await rm(directory, { recursive: true })
    }
  }
}

/** Half of the jobs come as files, half through HTTP. Ends when the service says that it has done them all. */
export const feed = async (world: World, url: string, signal?: AbortSignal): Promise<void> => {
  for (const [n, job] of jobs.entries()) {
    const body = JSON.stringify(job)
    if (n % 2 === 0) {
      const path = join(world.spool, job.id)
      await writeFile(`${path}.part`, body)
      await rename(`${path}.part`, `${path}.json`)
    } else await fetch(`${url}/jobs`, { method: "POST", body, signal: signal ?? null })
  }
  for (;;) {
    const response = await fetch(`${url}/jobs`, { signal: signal ?? null })
    const { finished } = (await response.json()) as { finished: number }
    if (finished === JOBS) return
    await sleep(20, undefined, { signal })
  }
}

/** Until somebody asks the program to end. */
export const forever = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setInterval(() => {}, 60_000)
    const end = (): void => {
      clearInterval(timer)
      resolve()
    }
    if (signal.aborted) end()
    else signal.addEventListener("abort", end, { once: true })
  })

/** What became of the jobs, the same for every step. */
export const report = async (world: World): Promise<void> => {
  const lines = (await readFile(world.ledger, "utf8")).trim().split("\n").sort()
  const given = lines.filter((line) => line.endsWith("given up")).length
  console.log([...lines, `${lines.length} jobs: ${lines.length - given} paid, ${given} given up`].join("\n"))
}

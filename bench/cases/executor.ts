import { realpathSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { Executor, type ModuleJob } from "effect-aio"
import type { add } from "../job.js"
import { ours } from "../loops.js"
import { type Case, type Contender, fail, python } from "../case.js"

const THREADS = 2

/** The library's own copy: it is what is underneath. */
const { Piscina } = createRequire(
  realpathSync(createRequire(import.meta.url).resolve("effect-aio/package.json"))
)("piscina") as {
  Piscina: new (options: object) => { run: (job: unknown) => Promise<number>; destroy: () => Promise<void> }
}

const file = new URL("../job.js", import.meta.url)
const job: ModuleJob<typeof add> = { module: file, export: "add" }

/** `n` jobs, `width` at a time, each with its own right answer. */
const jobs = async (
  n: number,
  width: number,
  run: (a: number, b: number) => PromiseLike<number>
): Promise<number> => {
  let next = 0
  const lane = async (): Promise<void> => {
    for (let i = next++; i < n; i = next++) if ((await run(i, 1)) !== i + 1) fail(`the job ${i}`)
  }
  await Promise.all(Array.from({ length: width }, lane))
  return n
}

const executor = (width: number): ReadonlyArray<Contender> => [
  ...ours(async ({ loop }, n) => {
    loop.setDefaultExecutor(Executor.make({ maxWorkers: THREADS }))
    await jobs(100, width, (a, b) => loop.runInExecutor(null, job, a, b))
    return () => jobs(n, width, (a, b) => loop.runInExecutor(null, job, a, b))
  }, "module"),
  ...ours(async ({ loop }, n) => {
    loop.setDefaultExecutor(Executor.make({ maxWorkers: THREADS }))
    const sum = (a: number, b: number): number => a + b
    await jobs(100, width, (a, b) => loop.runInExecutor(null, sum, a, b))
    return () => jobs(n, width, (a, b) => loop.runInExecutor(null, sum, a, b))
  }, "function")
]

const piscina = (name: string, width: number, options: object): Contender => ({
  name,
  ours: false,
  fraction: 1,
  prepare: async (n) => {
    const pool = new Piscina({
      filename: fileURLToPath(file),
      minThreads: THREADS,
      maxThreads: THREADS,
      idleTimeout: 60_000,
      ...options
    })
    await jobs(100, width, (a, b) => pool.run([a, b]))
    return { go: () => jobs(n, width, (a, b) => pool.run([a, b])), close: () => pool.destroy() }
  }
})

export const executors: ReadonlyArray<Case> = [
  {
    name: "one after the other",
    what: "jobs in a worker thread, and their answers",
    n: 2_000,
    contenders: [...executor(1), piscina("piscina", 1, {})],
    programs: python("executor_one")
  },
  {
    name: "64 at a time",
    what: "jobs in two worker threads, and their answers",
    n: 5_000,
    programs: python("executor_64"),
    contenders: [
      ...executor(64),
      piscina("piscina", 64, {}),
      piscina("piscina, 64 jobs a thread", 64, { concurrentTasksPerWorker: 64 })
    ]
  },
  {
    name: "1000 at once",
    what: "jobs in two worker threads, and their answers",
    n: 10_000,
    programs: python("executor_1000"),
    contenders: [
      ...executor(1000),
      piscina("piscina", 1000, {}),
      piscina("piscina, 64 jobs a thread", 1000, { concurrentTasksPerWorker: 64 })
    ]
  }
]

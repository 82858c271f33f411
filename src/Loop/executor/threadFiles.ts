/**
 * What the threads of executors are made of: the package that keeps them, and the file that they run, which lies beside this
 * one. A bundle has neither: what a bundler puts together, it leaves both out of.
 *
 * The file is jobWorker.mjs, put together as CommonJS. The package loads it with `require`, and a thread that is terminated while
 * it is in a `require` of an ES module takes the whole process with it on Node 20 ("FATAL ERROR: v8::Module::IsGraphAsync must be
 * used on an instantiated module"); one that is terminated while it is in an `import()` may leave a descriptor open for ever.
 */
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { JobRefusedError } from "../errors.js"

export interface ThreadFiles {
  /** The file of piscina. */
  readonly piscina: string
  /** The URL of what the threads run. */
  readonly worker: string
}

let found: ThreadFiles | undefined

/**
 * The files. They are found early, though loaded late: Node remembers for ever that there is none if it looks for one while
 * there is no descriptor left. Throws what the looking threw.
 */
export const threadFiles = (): ThreadFiles => {
  if (found !== undefined) return found
  // Bundlers that make CommonJS give it no value.
  const here: string | undefined = import.meta.url
  const worker = here === undefined ? undefined : workerBeside(here)
  if (worker === undefined) {
    throw new Error(
      "effect-aio is part of a bundle here, which has left behind the file that the threads run: keep the package out of " +
        "it (esbuild --external:effect-aio, Rollup external: ['effect-aio']), and install it beside the bundle"
    )
  }
  return (found = { piscina: createRequire(worker).resolve("piscina"), worker: worker.href })
}

/** Sources that run as they are have the module only. */
const workerBeside = (here: string): URL | undefined =>
  ["./jobWorker.cjs", "./jobWorker.mjs"].map((file) => new URL(file, here)).find((file) => existsSync(file))

/** Throws {@link JobRefusedError} where there can be no thread for a job. */
export const checkThreadFiles = (job: string): void => {
  try {
    threadFiles()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new JobRefusedError({ job, why, cause })
  }
}

/** What keeps a process alive, in words: what Node lists, worker threads, which it does not, and what nobody can see. */
import type { Worker } from "node:worker_threads"

/** The standard streams are among these, and keep nothing alive. */
const pipes = /^(TTYWrap|PipeWrap)$/

const counted = (names: ReadonlyArray<string>): ReadonlyArray<string> =>
  [...new Set(names)].map((name) => {
    const times = names.filter((other) => other === name).length
    return times === 1 ? name : `${name} (${times})`
  })

/** The worker threads that this thread starts from now on. */
export class WorkersSeen {
  readonly #workers = new Set<WeakRef<Worker>>()
  readonly #see = (worker: Worker): void => {
    for (const known of this.#workers) if (!isAlive(known.deref())) this.#workers.delete(known)
    this.#workers.add(new WeakRef(worker))
  }

  constructor() {
    process.on("worker", this.#see)
  }

  /** Those that run. */
  names(): ReadonlyArray<string> {
    return [...this.#workers].flatMap((known) => {
      const worker = known.deref()
      return worker !== undefined && isAlive(worker) ? [`worker thread ${worker.threadId}`] : []
    })
  }

  close(): void {
    process.off("worker", this.#see)
  }
}

/** Node takes the number away when the thread has ended. */
const isAlive = (worker: Worker | undefined): boolean => worker !== undefined && worker.threadId >= 0

/** What nobody can list. */
const unseen =
  "a job of Node's thread pool (crypto, zlib, dns), a handle of a native add-on, or a worker thread that was started " +
  "before the program"

export const keptAliveBy = (workers: WorkersSeen): string => {
  const all = process.getActiveResourcesInfo()
  const known = [...counted(all.filter((name) => !pipes.test(name))), ...workers.names()]
  if (known.length > 0) return known.join(", ")
  const open = counted(all)
  return open.length === 0
    ? `nothing that Node lists; it does not list ${unseen}`
    : `${open.join(", ")}, of which the standard streams keep nothing alive; or by what Node does not list: ${unseen}`
}

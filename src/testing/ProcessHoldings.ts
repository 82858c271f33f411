/**
 * What this process holds beside its loops: worker threads, child processes, open files, and the handles for which Node does not end.
 * Two looks tell what has come in between.
 *
 * Files and child processes are known on Linux alone. What libuv, the runtime and their threads keep for themselves is no file.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { WorkersSeen } from "../Loop/host/keptAlive.js"
import type { Leftover } from "../Loop/ports.js"

/** Handles that somebody has opened, and has to close. */
const handles = new Set([
  ...["TCPSocketWrap", "TCPServerWrap", "PipeWrap", "UDPWrap", "ProcessWrap", "FSEventWrap", "StatWatcher"]
])

/** Files that Node opens for itself when it first needs them, and keeps. */
const ofNode = /^\/dev\/|node-compile-cache/

const attempt = <A>(f: () => A, otherwise: A): A => {
  try {
    return f()
  } catch {
    return otherwise // It is no Linux, or what was there has gone.
  }
}

const files = (): ReadonlyArray<string> =>
  attempt(() => readdirSync("/proc/self/fd"), []).flatMap((fd) => {
    const target = attempt(() => readlinkSync(`/proc/self/fd/${fd}`), "")
    return target.startsWith("/") && !target.startsWith("/proc/") && !ofNode.test(target)
      ? [`${fd} ${target}`]
      : []
  })

/** Of all threads of the process: whichever has started them. */
const children = (): ReadonlyArray<string> =>
  attempt(() => readdirSync("/proc/self/task"), [])
    .flatMap((task) => attempt(() => readFileSync(`/proc/self/task/${task}/children`, "utf8"), "").split(" "))
    .filter((pid) => pid !== "")
    .map((pid) => {
      const command = attempt(() => readFileSync(`/proc/${pid}/cmdline`, "utf8"), "")
      return `pid ${pid} ${command.replaceAll("\0", " ").trim()}`.trim()
    })

const handleCounts = (): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) {
    if (handles.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return counts
}

const row = (what: string, name: string): Leftover => ({
  what,
  name,
  age: 0,
  state: "open",
  waitingOn: "",
  createdAt: "",
  blamed: true
})

export class ProcessHoldings {
  readonly #workers = new WorkersSeen()
  readonly #files = new Set(files())
  readonly #children = new Set(children())
  readonly #handles = handleCounts()

  /** What has come since this was made, and is there. */
  come(): ReadonlyArray<Leftover> {
    const started = children().filter((child) => !this.#children.has(child))
    const opened = files().filter((file) => !this.#files.has(file))
    const rows = [
      ...this.#workers.names().map((name) => row("thread", name)),
      ...started.map((name) => row("process", name)),
      ...opened.map((name) => row("descriptor", name))
    ]
    for (const [kind, count] of handleCounts()) {
      const more = count - (this.#handles.get(kind) ?? 0)
      // Where their names are known, processes are listed already.
      if (more > 0 && !(kind === "ProcessWrap" && started.length > 0))
        rows.push(row("handle", `${more} ${kind}`))
    }
    return rows
  }

  /** Nobody asks any more. */
  close(): void {
    this.#workers.close()
  }
}

/** What was seen of a process, as text. */
import { mermaidOf } from "../Loop/inspect/mermaid.js"
import type { SeenDump } from "../Loop/inspect/SeenDump.js"
import { tableText, treeText } from "../Loop/inspect/text.js"
import { CliError } from "./CliError.js"
import type { Form } from "./command.js"
import type { ThreadDumps } from "./Viewed.js"

const shows: Readonly<Record<Exclude<Form, "json">, (dump: SeenDump) => string>> = {
  table: tableText,
  tree: treeText,
  mermaid: ({ circles, rows }) => mermaidOf(rows, circles)
}

/** What of them is somebody's: the threads of loaders and such have nothing to show. */
export const shown = (pid: number, threads: ReadonlyArray<ThreadDumps>): ReadonlyArray<ThreadDumps> => {
  if (threads.every(({ busy, library }) => !library && busy === undefined))
    throw new CliError(`pid ${pid}: no effect-aio is loaded there`)
  return threads.filter(({ busy, library, thread }) => library || busy !== undefined || thread === 0)
}

/** A line that says which thread it is, and where it is if it gives Node no turn. */
export const headOf = (pid: number, { busy, dumps, library, thread }: ThreadDumps): ReadonlyArray<string> => {
  const where = thread === 0 ? `pid ${pid}` : `thread ${thread} of pid ${pid}`
  const head = library
    ? `${where}: ${dumps.length} ${dumps.length === 1 ? "loop" : "loops"}`
    : `${where}: no effect-aio is loaded there`
  return busy === undefined
    ? [head]
    : [head, ["it is busy with", ...busy.map((frame) => `  ${frame}`)].join("\n")]
}

/** Throws CliError where nothing of the library is there. */
export const print = (pid: number, threads: ReadonlyArray<ThreadDumps>, form: Form): string =>
  form === "json"
    ? JSON.stringify({ pid, threads }, undefined, 2)
    : shown(pid, threads)
        .map((thread) => [...headOf(pid, thread), ...thread.dumps.map(shows[form])].join("\n\n"))
        .join("\n\n")

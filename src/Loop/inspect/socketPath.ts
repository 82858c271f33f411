/** Where a thread that can be seen listens: `<folder of the user>/<pid>-<thread>.sock`. */
import { tmpdir } from "node:os"
import { join } from "node:path"

/** The user's folder, or `undefined` where there are no users with numbers: Windows. */
export const socketFolder = (): string | undefined => {
  const uid = process.getuid?.()
  if (uid === undefined) return undefined
  return join(process.env["XDG_RUNTIME_DIR"] || tmpdir(), `effect-aio-${uid}`)
}

export const socketName = (pid: number, thread: number): string => `${pid}-${thread}.sock`

const NAME = /^(\d+)-(\d+)\.sock$/

/** The process and the thread that a name tells of; `undefined` of another file. */
export const ofSocketName = (name: string): { readonly pid: number; readonly thread: number } | undefined => {
  const [, pid, thread] = NAME.exec(name) ?? []
  return pid === undefined || thread === undefined ? undefined : { pid: Number(pid), thread: Number(thread) }
}

/** What is asked through it: a line of JSON, and a line is the answer. */
export type SocketQuestion = { readonly most: number } | { readonly cancel: number }

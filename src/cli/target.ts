/**
 * A process that is to be looked at. SIGUSR1 opens the inspector of a Node that runs, and ends a process that does not know the signal:
 * so what it is asked of must be known to be Node, and to heed it.
 */
import { readFileSync, readdirSync, readlinkSync } from "node:fs"
import { basename } from "node:path"
import { CliError } from "./CliError.js"

/** What a Node may be called. */
const NODE = /^(node|nodejs|iojs)([-_.]?v?\d[\d.]*)?( \(deleted\))?$/

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "latin1")
  } catch {
    return undefined
  }
}

/** Whether the process has a handler for SIGUSR1, by the mask of its status (Linux). */
const heedsSigusr1 = (status: string): boolean => {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1]
  return mask !== undefined && ((BigInt(`0x${mask}`) >> 9n) & 1n) === 1n
}

/** Throws CliError for what is no process that may be looked at. `sure` is said by who knows better. */
export const checkTarget = (pid: number, sure: boolean): void => {
  if (pid === process.pid) throw new CliError("that is this command itself")
  try {
    process.kill(pid, 0)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new CliError(
      code === "EPERM"
        ? `process ${pid} is another user's: run this as that user`
        : `there is no process ${pid}`
    )
  }
  if (process.platform !== "linux") {
    if (sure) return
    throw new CliError(
      `whether process ${pid} is Node cannot be seen on ${process.platform}; SIGUSR1 ends what is not: give --sure if you know`
    )
  }
  const status = read(`/proc/${pid}/status`)
  let exe: string
  try {
    exe = readlinkSync(`/proc/${pid}/exe`)
  } catch {
    throw new CliError(`process ${pid} cannot be read: it has ended, or is another user's`)
  }
  if (!sure && !NODE.test(basename(exe)))
    throw new CliError(`process ${pid} is ${exe}, which is no Node; give --sure if it is one all the same`)
  if (status === undefined || !heedsSigusr1(status))
    throw new CliError(`process ${pid} does not heed SIGUSR1 (--disable-sigusr1?), which would end it`)
}

/** The ports on which the process listens on the loopback, or on all addresses; nothing where that cannot be seen. */
export const listeningPorts = (pid: number): ReadonlySet<number> => {
  const inodes = new Set<string>()
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      try {
        const socket = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
        if (socket !== undefined) inodes.add(socket)
      } catch {
        // It was closed meanwhile.
      }
    }
  } catch {
    return new Set()
  }
  const ports = new Set<number>()
  for (const table of ["tcp", "tcp6"]) {
    for (const line of (read(`/proc/${pid}/net/${table}`) ?? "").split("\n").slice(1)) {
      const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/)
      if (state === "0A" && inodes.has(inode)) ports.add(parseInt(local.split(":")[1] ?? "", 16))
    }
  }
  return ports
}

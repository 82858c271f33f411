/** A process is looked at by what it offers: its socket, or its inspector. */
import { Connected } from "./Connected.js"
import { Inspected } from "./Inspected.js"
import { checkTarget } from "./target.js"
import type { Viewed } from "./Viewed.js"

export interface ViewOptions {
  /** That of its inspector, which is used then. Default: found, or 9229. */
  readonly port: number | undefined
  /** By its inspector, whatever else it offers. */
  readonly inspector: boolean
  /** The process is Node, whatever its executable is called. */
  readonly sure: boolean
}

/** Fails with CliError for a process that cannot be looked at, and says why. It is sent no signal then. */
export const view = async (pid: number, { inspector, port, sure }: ViewOptions): Promise<Viewed> => {
  const connected = inspector || port !== undefined ? undefined : await Connected.open(pid)
  if (connected !== undefined) return connected
  checkTarget(pid, sure)
  return await Inspected.open(pid, port)
}

/** Signals to processes and to groups of them, and whether a group is still there. POSIX. */
import { readdirSync, readFileSync } from "node:fs"
import { constants } from "node:os"
import { describeValue } from "../kernel/describe.js"
import { V8Error } from "../kernel/errors.js"
import { SignalError } from "../errors.js"

const names = new Map<string, number>(Object.entries(constants.signals))

/** The highest number of a signal on any system: on Linux the real-time ones end there. */
const HIGHEST = 64

/** The number of a signal, 0 included, which only asks. Throws {@link SignalError} for an unknown one. */
export const signalNumber = (signal: unknown): number => {
  if (typeof signal === "string") {
    const number = names.get(signal)
    if (number === undefined)
      throw new SignalError(signal, `unknown; names are like "SIGTERM", numbers from 1 to ${HIGHEST}`)
    return number
  }
  if (typeof signal !== "number")
    throw new TypeError(`a signal is a name like "SIGTERM" or a number, not ${describeValue(signal)}`)
  if (!Number.isInteger(signal) || signal < 0 || signal > HIGHEST)
    throw new SignalError(signal, `unknown; names are like "SIGTERM", numbers from 1 to ${HIGHEST}`)
  return signal
}

/** What a process ended with: its exit code, or the negative number of the signal that ended it. */
export const returncodeOf = (code: number | null, signal: NodeJS.Signals | null): number =>
  signal === null ? (code ?? 0) : -(names.get(signal) ?? 0)

/** The name of a signal, by its number. */
export const signalName = (number: number): string => {
  for (const [name, n] of names) if (n === number) return name
  return `signal ${number}`
}

/** Sends a signal to a process, or to a group by its negative number: `undefined`, or the system's error. */
export const send = (pid: number, signal: number): string | undefined => {
  // Nobody sees the error's stack, which takes five times as long as the call.
  const limit = V8Error.stackTraceLimit
  V8Error.stackTraceLimit = 0
  try {
    process.kill(pid, signal)
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "UNKNOWN"
  } finally {
    V8Error.stackTraceLimit = limit
  }
}

/** The state of a process and its group, where the system shows it and there is one. */
const stateOf = (pid: string | number): readonly [state: string, group: number] | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    // The second field is a file name in brackets, which may contain anything.
    const [state, , pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return state === undefined ? undefined : [state, Number(pgrp)]
  } catch {
    return undefined
  }
}

/** The states of the processes of a group, where the system shows them. */
const statesIn = (group: number): Array<string> => {
  const states: Array<string> = []
  let pids: Array<string>
  try {
    pids = readdirSync("/proc").filter((name) => name.charCodeAt(0) <= 0x39)
  } catch {
    return states
  }
  for (const pid of pids) {
    const [state, pgrp] = stateOf(pid) ?? []
    if (state !== undefined && pgrp === group) states.push(state)
  }
  return states
}

/** Whether a process or any of the group that it leads runs, where the system shows that; else no. Zombies do not run. */
export const showsRunning = (leader: number, leads: boolean): boolean => {
  const ended = (state: string | undefined): boolean => state === undefined || state === "Z" || state === "X"
  if (!ended(stateOf(leader)?.[0])) return true
  return leads && statesIn(leader).some((state) => !ended(state))
}

/**
 * Whether anything of a group lives whose leader has ended and was reaped. The number of a group is not given to a new
 * process while the group has members: if it is a process's again, the group is gone. Orphans that have ended and that
 * nobody reaps (a container without an init process) are members still, and do not count.
 */
export const groupLives = (leader: number): boolean => {
  if (send(-leader, 0) === "ESRCH" || send(leader, 0) !== "ESRCH") return false
  const states = statesIn(leader)
  return states.length === 0 || states.some((state) => state !== "Z" && state !== "X")
}

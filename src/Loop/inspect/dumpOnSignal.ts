/**
 * A signal on which a process prints what is on its loops, on standard error: for a program that hangs at work. It is asked for
 * by the environment, `EFFECT_AIO_DUMP=SIGUSR2`, which any program with a loop heeds, or by the program.
 *
 * Signals come to the main thread alone. That tells the others by a channel of its own, which keeps no thread alive; each prints its
 * own loops. A thread that is in a call that does not return prints nothing, and the main thread cannot even hear of the signal then.
 */
import { BroadcastChannel, isMainThread, threadId } from "node:worker_threads"
import { lastLine } from "../host/lastLine.js"
import { describeValue } from "../kernel/describe.js"
import { SignalError } from "../errors.js"
import { LoopDump } from "./LoopDump.js"
import { openLoops } from "./openLoops.js"

/** Signals that a program can have without its end, a fault or a stop being meant by them. Node's debugger begins at SIGUSR1. */
const suitable = new Set<unknown>(["SIGUSR2", "SIGHUP", "SIGQUIT", "SIGWINCH", "SIGURG", "SIGIO", "SIGPWR"])

const CHANNEL = "effect-aio/dump"

/** Throws SignalError for a signal on which a program cannot print and go on. */
export const checkDumpSignal = (what: string, signal: unknown): NodeJS.Signals => {
  if (suitable.has(signal)) return signal as NodeJS.Signals
  throw new SignalError(
    typeof signal === "string" || typeof signal === "number" ? signal : describeValue(signal),
    `${what} is one that means nothing else to the process: ${[...suitable].join(", ")}`
  )
}

/** What is on all loops of this thread, as text. */
export const dumpText = (): string => {
  const loops = openLoops()
  const where = isMainThread ? `pid ${process.pid}` : `thread ${threadId} of pid ${process.pid}`
  const head = `effect-aio, ${where}: ${loops.length} ${loops.length === 1 ? "loop" : "loops"}`
  return [head, ...loops.map((loop) => String(new LoopDump(loop)))].join("\n\n")
}

const print = (): void => lastLine(dumpText())

/** The signals on which something is printed now: whoever asks for one of them twice gets one dump. */
const heard = new Set<NodeJS.Signals>()

/** Prints on each delivery of the signal, in this thread and in those that listen; what it returns ends that. */
export const dumpOnSignal = (signal: NodeJS.Signals): (() => void) => {
  if (heard.has(signal)) return () => {}
  heard.add(signal)
  const channel = new BroadcastChannel(CHANNEL)
  channel.unref()
  const asked = (): void => {
    print()
    channel.postMessage("dump")
  }
  process.on(signal, asked)
  return () => {
    heard.delete(signal)
    process.off(signal, asked)
    channel.close()
  }
}

/** What the environment asks for begins, for as long as the thread lives. */
export const heedEnvironment = (): void => {
  const asked = process.env["EFFECT_AIO_DUMP"]
  if (asked === undefined || asked === "") return
  if (!isMainThread) {
    const channel = new BroadcastChannel(CHANNEL)
    channel.onmessage = print
    channel.unref()
    return
  }
  try {
    dumpOnSignal(checkDumpSignal("EFFECT_AIO_DUMP", asked))
  } catch (error) {
    lastLine(String(error))
  }
}

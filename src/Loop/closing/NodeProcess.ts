/** The process of Node, for its one main program. */
import type { Cause } from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Forks } from "../../effect.js"
import { onBrokenOutput } from "../host/brokenOutput.js"
import { inRealTime } from "../host/inRealTime.js"
import { keptAliveBy, WorkersSeen } from "../host/keptAlive.js"
import { lastLine } from "../host/lastLine.js"
import { LONGEST } from "../host/NodeHost.js"
import { InvalidStateError } from "../kernel/errors.js"
import type { MainProcess } from "./MainProcess.js"
import { abandonAll, endThreads, exitIsHeld } from "./outliving.js"
import { codes, type StopSignal, StopSignals } from "./StopSignals.js"
import { isLeftOver } from "./told.js"

/** A process has one main. */
let running = false

/** How long output that a pipe holds back may keep the process, in milliseconds. */
const FLUSH = 1_000

/** How long threads may take to end before the process leaves without `process.exit`, in milliseconds. */
const THREADS = 250

export class NodeProcess implements MainProcess {
  #workers: WorkersSeen | undefined
  readonly fork: Forks = Effect.runFork

  take(what: string): () => void {
    if (running) {
      throw new InvalidStateError(
        `${what} in a process whose program runs already, and a process has one: run the second one inside the first, ` +
          "for instance with Effect.all, or with Effect.runPromise(Loop.scoped(program)), which neither listens to signals nor exits"
      )
    }
    running = true
    this.#workers = new WorkersSeen()
    const keepAlive = setInterval(() => {}, LONGEST)
    return () => {
      running = false
      clearInterval(keepAlive)
    }
  }

  onStop(asked: (name: StopSignal) => void): () => void {
    const signals = new StopSignals(asked)
    return () => signals.close()
  }

  onAccident(uncaught: (error: unknown) => void, unhandled: (error: unknown) => void): () => void {
    process.on("uncaughtException", uncaught)
    process.on("unhandledRejection", unhandled)
    return () => {
      process.off("uncaughtException", uncaught)
      process.off("unhandledRejection", unhandled)
    }
  }

  onBrokenOutput(broken: (name: "stdout" | "stderr", error: Error) => void): () => void {
    return onBrokenOutput(broken)
  }

  onExit(f: (code: number) => void): () => void {
    process.prependListener("exit", f)
    return () => void process.off("exit", f)
  }

  after(ms: number, f: () => void): () => void {
    return inRealTime(ms, f)
  }

  soon(f: () => void): void {
    setImmediate(f)
  }

  print(message: string, cause: Cause<unknown> | undefined): void {
    console.error(message, cause ?? "")
  }

  lastLine(text: string): void {
    lastLine(text)
  }

  /**
   * `process.exit` waits for threads: where one is in a call that cannot be ended, the process is killed, by the signal that it
   * was told to stop by.
   */
  exit(code: number): never {
    if (!exitIsHeld()) return process.exit(code)
    const name = (Object.keys(codes) as ReadonlyArray<StopSignal>).find((signal) => codes[signal] === code)
    lastLine(`a thread is in a call that cannot be ended: the process ends by ${name ?? "SIGKILL"}`)
    process.emit("exit", code)
    if (name !== undefined) {
      process.removeAllListeners(name)
      process.kill(process.pid, name)
    }
    process.kill(process.pid, "SIGKILL")
    throw new Error("the process has not ended")
  }

  /** The last report is worth the most. Children are ended at once. */
  leave(code: number): void {
    abandonAll()
    let held = 1
    const flushed = (): void => {
      if (--held === 0) this.exit(code)
    }
    if (exitIsHeld()) {
      held++
      let waits = true
      const over = (): void => {
        if (waits) flushed()
        waits = false
      }
      void endThreads().then(over)
      setTimeout(over, THREADS)
    }
    for (const stream of [process.stdout, process.stderr]) {
      if (!(stream.writableLength > 0)) continue
      held++
      stream.on("error", () => {})
      stream.write("", flushed)
    }
    if (held > 1) setTimeout(() => this.exit(code), FLUSH)
    flushed()
  }

  fail(): void {
    process.exitCode = 1
  }

  /**
   * Nothing of the loop is left. If something else holds the process, that is said instead of hanging in silence; if that may be
   * what the loop has given up, it has had its time.
   */
  end(code: number, slowJoin: number, tell: (keeps: string) => void): void {
    process.exitCode ??= code
    const workers = this.#workers
    if (workers === undefined) return
    setTimeout(
      () => {
        const leaving = isLeftOver() ? ": leaving without what was left over" : ""
        tell(keptAliveBy(workers) + leaving)
        workers.close()
        if (isLeftOver()) this.leave(Number(process.exitCode))
      },
      Math.min(slowJoin, LONGEST)
    ).unref()
  }
}

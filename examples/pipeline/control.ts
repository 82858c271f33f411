// The control FIFO: lines that anybody may write to it while the program runs, as in
//
//     echo status > /tmp/pipeline-x1y2z3/control        also: pause, resume, step 5
//
// A FIFO is nothing that Node can watch, and reading it in Node's thread pool would hold a thread for ever. The loop can.
import { closeSync, constants, openSync, readSync } from "node:fs"
import { join } from "node:path"
import { Effect, Option, Queue, Stream } from "effect"
import { FdPollUnavailableError, Loop } from "effect-aio"
import type { Progress } from "./progress.js"
import { told } from "./report.js"
import { tool } from "./tool.js"
import type { Valve } from "./valve.js"

const open = (path: string, flags: number) =>
  Effect.acquireRelease(
    Effect.sync(() => openSync(path, flags | constants.O_NONBLOCK)),
    (fd) => Effect.sync(() => closeSync(fd))
  )

const buffer = new Uint8Array(4_096)

/** What is there to be read, perhaps nothing: a wake of the loop may be spurious. */
const readNow = (fd: number): Uint8Array => {
  try {
    return buffer.slice(0, readSync(fd, buffer))
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return new Uint8Array()
    throw error
  }
}

/** The chunks that come through a file descriptor, until the Scope closes. */
const chunksOf = (fd: number) =>
  Effect.gen(function* () {
    const loop = yield* Loop
    const chunks = yield* Queue.unbounded<Uint8Array>()
    yield* Effect.acquireRelease(
      Effect.try({
        try: () => loop.addReader(fd, () => Queue.unsafeOffer(chunks, readNow(fd))),
        catch: (error) => error
      }).pipe(
        Effect.catchAll((error) =>
          error instanceof FdPollUnavailableError ? Effect.fail(error) : Effect.die(error)
        )
      ),
      (handle) => Effect.sync(() => handle.cancel())
    )
    return Stream.fromQueue(chunks)
  })

/** Answers one line. */
const answer = (line: string, progress: Progress, valve: Valve) => {
  const [, word, number = "1"] = /^(status|pause|resume|step)(?: (\d+))?$/.exec(line.trim()) ?? []
  switch (word) {
    case "status":
      return told(`status: ${progress.toString()}`)
    case "pause":
      return valve.let(0)
    case "resume":
      return Effect.zipRight(told("resumed"), valve.let(Infinity))
    case "step":
      return valve.let(Number(number))
    default:
      return told(`no such command: ${line} (there are status, pause, resume, step <blocks>)`)
  }
}

/** Makes the FIFO and listens to it. Gives its path, or nothing where file descriptors cannot be watched. */
export const listen = (folder: string, progress: Progress, valve: Valve) =>
  Effect.gen(function* () {
    const path = join(folder, "control")
    yield* Effect.scoped(Effect.flatMap(tool("mkfifo", [path], { stdin: "devnull" }), (t) => t.succeeded))
    const fd = yield* open(path, constants.O_RDONLY)
    // A writer of our own, so that the FIFO does not end, and is not ready for ever, when the last other one has gone.
    yield* open(path, constants.O_WRONLY)
    const chunks = yield* chunksOf(fd)
    yield* chunks.pipe(
      Stream.decodeText(),
      Stream.splitLines,
      Stream.runForEach((line) => answer(line, progress, valve)),
      Effect.forkScoped
    )
    yield* told(`control: echo status > ${path}`)
    return Option.some(path)
  }).pipe(
    Effect.catchTag("FdPollUnavailableError", (error) =>
      Effect.as(told(`no control FIFO: ${error.message}`), Option.none<string>())
    )
  )

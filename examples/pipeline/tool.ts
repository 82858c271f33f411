// A program of the system as a step of a pipeline: what it complains about is kept, and becomes the error when it fails.
import { Data, Effect, Fiber, Stream } from "effect"
import { BrokenPipeError, Loop, type LoopClosedError, type SubprocessOptions } from "effect-aio"

export class ToolFailed extends Data.TaggedError("ToolFailed")<{
  readonly command: string
  /** Its exit code, or the negative number of the signal that ended it. */
  readonly code: number
  readonly complaint: string
}> {
  override get message(): string {
    const how = this.code < 0 ? `was ended by signal ${-this.code}` : `failed with exit code ${this.code}`
    return `${this.command} ${how}${this.complaint === "" ? "" : `: ${this.complaint}`}`
  }
}

/** Bytes order the same everywhere, and numbers have points. */
const env = { ...process.env, LC_ALL: "C" }

/** Starts a program, which belongs to the caller's Scope. */
export const tool = (
  command: string,
  args: ReadonlyArray<string>,
  options: Pick<SubprocessOptions, "cwd" | "stdin" | "stdout"> = {}
) =>
  Effect.gen(function* () {
    const child = yield* Loop.subprocess(command, args, { ...options, env, stderr: "pipe" })
    // Read all the time, so that nothing waits for it, and kept in part.
    const complaint = yield* Effect.forkScoped(
      Stream.runFold(Stream.decodeText(child.stderr), "", (text, more) => (text + more).slice(-1_000))
    )
    const succeeded = Effect.flatMap(child.exitCode, (code) =>
      code === 0
        ? Effect.void
        : Effect.flatMap(Fiber.join(complaint), (text) =>
            Effect.fail(new ToolFailed({ command, code, complaint: text.trim() }))
          )
    )
    return {
      toString: () => child.toString(),
      /** Waits until it has exited; fails when the program has failed. */
      succeeded,
      /** What it prints; fails when the program has failed. */
      output: Stream.concat(child.stdout, Stream.drain(Stream.fromEffect(succeeded))),
      /** Gives it a Stream to read. When it goes away before the end of that, it says why. */
      feed: <E, R>(
        input: Stream.Stream<Uint8Array, E, R>
      ): Effect.Effect<void, E | BrokenPipeError | LoopClosedError | ToolFailed, R> =>
        Stream.run(input, child.stdin).pipe(
          Effect.tapError((error) => (error instanceof BrokenPipeError ? succeeded : Effect.void))
        )
    }
  })

/** Commands of `effect/process` (Effect 4) on the loop's processes. */
import type * as Layer from "effect/Layer"
import type { OfLine } from "../effect/Seam.js"
import type { Loop } from "../Loop/Loop.js"
import { checkCommandOptions, type CommandOptions } from "./commands/CommandOptions.js"
import { four } from "./four.js"
import { lazily } from "./lazily.js"
import { checkLine } from "./onLine.js"
import type { ChildProcessSpawner4 } from "./Parts.js"

export type { CommandOptions } from "./commands/CommandOptions.js"

const name = "LoopChildProcessSpawner.layer"

/**
 * Effect's ChildProcessSpawner, whose commands are processes of the loop that it is built on: every `ChildProcess` command,
 * and `spawn`, `exitCode`, `string`, `lines`, `streamString` and `streamLines`, as they are, with Effect's errors. In place of
 * `NodeChildProcessSpawner.layer`, or beside `NodeServices.layer`, over whose it is provided. On Effect 3:
 * `LoopCommandExecutor`.
 *
 * A command leads a process group, unless it says `detached: false`. Its Scope sends the group the command's `killSignal`
 * (SIGTERM), SIGKILL after its `forceKillAfter` or `killGrace`, and waits until nothing of it runs; so does the loop when it
 * closes, which names it in the table of what is left; where the process leaves at once, it is killed first. `unref` lets it
 * go for good, until the `Reref` is run. What nobody reads of its output does not hold it up, and can be read after its exit.
 * Words that are `Redacted` are in no error and no table.
 *
 * Throws `TypeError` and `RangeError` for options that are none, at once; an Error on Effect 3. On a loop that is closed a
 * command fails with a PlatformError (`BadResource`).
 *
 * @example
 * import * as Stream from "effect/Stream"
 * import * as ChildProcess from "effect/process/ChildProcess"
 * import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
 * import { LoopChildProcessSpawner } from "effect-aio/platform"
 *
 * const sort = ChildProcess.make("sort", [], { stdin: Stream.encodeText(Stream.make("b\n", "a\n")) })
 * const program = Effect.flatMap(ChildProcessSpawner, (spawner) => spawner.lines(sort))
 * const onLoop = Effect.provide(program, LoopChildProcessSpawner.layer({ killGrace: "500 millis" }))
 * console.log(await Effect.runPromise(Loop.scoped(onLoop))) // => [ 'a', 'b' ]
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: CommandOptions = {}
): Layer.Layer<OfLine<never, ChildProcessSpawner4>, never, Loop> => {
  checkLine(name, "four", "LoopCommandExecutor.layer")
  const checked = checkCommandOptions(name, options)
  return lazily(name, "effect", four.childProcessSpawner, (part) => part.layer(checked))
}

/** Commands of @effect/platform (Effect 3) on the loop's processes. */
import type * as Layer from "effect/Layer"
import type { OfLine } from "../effect/Seam.js"
import type { Loop } from "../Loop/Loop.js"
import { checkCommandOptions, type CommandOptions } from "./commands/CommandOptions.js"
import { lazily } from "./lazily.js"
import { checkLine } from "./onLine.js"
import type { CommandExecutor3 } from "./Parts.js"
import { three } from "./three.js"

export type { CommandOptions } from "./commands/CommandOptions.js"

const name = "LoopCommandExecutor.layer"

/**
 * The platform's CommandExecutor, whose commands are processes of the loop that it is built on: `Command.start`, `exitCode`,
 * `string`, `lines`, `stream` and `streamLines` as they are, with the platform's errors. In place of
 * `NodeCommandExecutor.layer`, or beside `NodeContext.layer`, over whose it is provided. On Effect 4: `LoopChildProcessSpawner`.
 *
 * A command leads a process group. Its Scope sends the group SIGTERM, SIGKILL after `killGrace`, and waits until nothing of it
 * runs; so does the loop when it closes, which names it in the table of what is left; where the process leaves at once, it is
 * killed first. What nobody reads of its output does not hold it up, and can be read after its exit.
 *
 * Throws `TypeError` and `RangeError` for options that are none, at once; an Error on Effect 4. On a loop that is closed a
 * command fails with a SystemError (`BadResource`). Needs `@effect/platform`, which is loaded when the Layer is built.
 *
 * @example
 * import * as Command from "@effect/platform/Command"
 * import { LoopCommandExecutor } from "effect-aio/platform"
 *
 * const program = Command.make("sort").pipe(Command.feed("b\na\n"), Command.lines)
 * const onLoop = Effect.provide(program, LoopCommandExecutor.layer({ killGrace: "500 millis" }))
 * console.log(await Effect.runPromise(Loop.scoped(onLoop))) // => [ 'a', 'b' ]
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: CommandOptions = {}
): Layer.Layer<OfLine<CommandExecutor3, never>, never, Loop> => {
  checkLine(name, "three", "LoopChildProcessSpawner.layer")
  const checked = checkCommandOptions(name, options)
  return lazily(name, "@effect/platform", three.commandExecutor, (part) => part.layer(checked))
}

/** A command that runs: one program, or several, each of which reads what the one before writes. */
import * as Command from "@effect/platform/Command"
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { DurationInput } from "../../../effect.js"
import type { EventLoop } from "../../../Loop/EventLoop.js"
import { type Part, startPart } from "./Part.js"

export class Pipeline {
  /** In the order in which they were written. */
  readonly parts: readonly [Part, ...ReadonlyArray<Part>]
  /** The one whose output and exit are those of all. */
  readonly last: Part

  constructor(first: Part, rest: ReadonlyArray<Part>) {
    this.parts = [first, ...rest]
    this.last = rest.at(-1) ?? first
  }
}

/**
 * Starts all of them, in order: where one cannot be started, those before it are ended. Differs: the platform starts the
 * first ones when the last one's input is read, where nobody hears of what goes wrong. `quiet` is the last one, as in
 * `startPart`; the others are.
 */
export const startPipeline = (
  loop: EventLoop,
  killGrace: DurationInput | undefined,
  whole: Command.Command,
  quiet: boolean
): Effect.Effect<Pipeline, PlatformError, Scope.Scope> => {
  // Most are one, and the platform takes its time to flatten them.
  const [head, ...tail] = whole._tag === "StandardCommand" ? [whole] : Command.flatten(whole)
  const last = tail.at(-1)
  const start = (command: Command.StandardCommand, input: Command.Command.Input) =>
    startPart(loop, killGrace, command, input, quiet || command !== last)
  if (last === undefined)
    return Effect.map(startPart(loop, killGrace, head, head.stdin, quiet), (part) => new Pipeline(part, []))
  return Effect.gen(function* () {
    const root = yield* start(head, head.stdin)
    const rest: Array<Part> = []
    let before = root
    for (const command of tail) {
      yield* before.drop("stderr")
      before = yield* start(command, before.output("stdout"))
      rest.push(before)
    }
    const pipeline = new Pipeline(root, rest)
    // Closing the Scope ends one after the other: all are told at once.
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => pipeline.parts.forEach(({ running }) => running.tell()))
    )
    return pipeline
  })
}

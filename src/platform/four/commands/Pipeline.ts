/** A command that runs: one program, or several, each of which reads what one before writes. */
import * as Effect from "effect/Effect"
import type { PlatformError } from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { DurationInput } from "../../../effect.js"
import type { EventLoop } from "../../../Loop/EventLoop.js"
import { type Part, startPart } from "./Part.js"
import { type Bytes, inputOf } from "./redirects.js"

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

/** One command that reads what the one before writes. */
interface Link {
  readonly options: ChildProcess.PipeOptions
  readonly command: ChildProcess.StandardCommand
}

/** The first command, and those that follow it. */
const flatten = (
  command: ChildProcess.Command
): readonly [ChildProcess.StandardCommand, ReadonlyArray<Link>] => {
  if (command._tag === "StandardCommand") return [command, []]
  const [first, links] = flatten(command.left)
  const [next, rest] = flatten(command.right)
  return [first, [...links, { options: command.options, command: next }, ...rest]]
}

/** What the link reads. A name that is none means stdout, and below stdin, as the platform has it. */
const sourceOf = ({ options: { from = "stdout" } }: Link): ChildProcess.PipeFromOption =>
  from === "stderr" || from === "all" || ChildProcess.parseFdName(from) !== undefined ? from : "stdout"

const source = (part: Part, from: ChildProcess.PipeFromOption): Bytes => {
  if (from === "all") return part.all
  if (from === "stdout" || from === "stderr") return part.output(from)
  const fd = ChildProcess.parseFdName(from)
  return fd === undefined ? Stream.empty : part.outputFd(fd)
}

/** The command, with a Stream as the input that the link names. */
const reading = (
  { command, options: { to = "stdin" } }: Link,
  stream: Bytes
): ChildProcess.StandardCommand => {
  const { args, options } = command
  const fd = to === "stdin" ? undefined : ChildProcess.parseFdName(to)
  if (fd === undefined) {
    const { encoding, endOnDone } = inputOf(options)
    return ChildProcess.make(command.command, args, { ...options, stdin: { stream, encoding, endOnDone } })
  }
  const name = `fd${fd}` as const
  const { additionalFds = {} } = options
  const there = additionalFds[name]
  return ChildProcess.make(command.command, args, {
    ...options,
    additionalFds: {
      ...additionalFds,
      [name]: there?.type === "duplex" ? { ...there, stream } : { type: "input", stream }
    }
  })
}

/**
 * Starts all of them, in order: where one cannot be started, those before it are ended. `quiet` is the last one, as in
 * `startPart`.
 */
export const startPipeline = (
  loop: EventLoop,
  killGrace: DurationInput | undefined,
  whole: ChildProcess.Command,
  quiet: boolean
): Effect.Effect<Pipeline, PlatformError, Scope.Scope> => {
  const [head, links] = flatten(whole)
  /** Whether nobody reads the stderr of the command before the link; of the last one before none. */
  const isQuiet = (link: Link | undefined): boolean =>
    link === undefined ? quiet : !["stderr", "all"].includes(sourceOf(link))
  const first = startPart(loop, killGrace, head, isQuiet(links[0]))
  if (links.length === 0) return Effect.map(first, (part) => new Pipeline(part, []))
  return Effect.gen(function* () {
    const root = yield* first
    const rest: Array<Part> = []
    let before = root
    for (const [i, link] of links.entries()) {
      const from = sourceOf(link)
      yield* before.dropAllBut(from)
      const command = reading(link, source(before, from))
      before = yield* startPart(loop, killGrace, command, isQuiet(links[i + 1]))
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

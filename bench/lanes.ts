/**
 * Contenders in processes of their own, which live as long as their case: in one process they shape each other's machine code
 * and heap, to several times the price.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { createInterface, type Interface } from "node:readline"
import { once } from "node:events"
import type { Readable, Writable } from "node:stream"
import { commandOf } from "./asyncio.js"
import type { Case, Program } from "./case.js"
import { sizeOf } from "./measure.js"
import type { Sample } from "./result.js"
import type { Lane } from "./rounds.js"
import type { Build } from "./stage.js"

/** How long one sample may take before it counts as hanging. */
const LIMIT = 180_000

/** A process that measures: a line to it asks for a sample, a line from it is one. */
class ProcessLane implements Lane {
  readonly #child: ChildProcess
  readonly #answers: Interface
  readonly #exit: Promise<string>

  constructor(
    readonly name: string,
    readonly ours: boolean,
    readonly n: number,
    readonly library: string | undefined,
    [program, ...args]: readonly [string, ...ReadonlyArray<string>]
  ) {
    const child = spawn(program, args, { stdio: ["pipe", "inherit", "inherit", "pipe"] })
    this.#child = child
    this.#answers = createInterface({ input: child.stdio[3] as Readable })
    this.#exit = new Promise((resolve) => {
      child.once("error", ({ message }) => resolve(message))
      child.once("exit", (code, signal) => resolve(`it ended with ${signal ?? `exit code ${code}`}`))
    })
    // It may have ended: that is said by #exit.
    child.stdin?.on("error", () => {})
  }

  async sample(): Promise<Sample> {
    const limit = setTimeout(() => this.#child.kill("SIGKILL"), LIMIT)
    try {
      const answer = once(this.#answers, "line")
      ;(this.#child.stdin as Writable).write("\n")
      const [line] = (await Promise.race([answer, this.#ended()])) as [string]
      return JSON.parse(line) as Sample
    } finally {
      clearTimeout(limit)
    }
  }

  async end(): Promise<void> {
    const limit = setTimeout(() => this.#child.kill("SIGKILL"), 10_000)
    this.#child.stdin?.end()
    await this.#exit
    clearTimeout(limit)
  }

  async #ended(): Promise<never> {
    throw new Error(await this.#exit)
  }
}

/** All contenders of a case: ours once for each build, the peers once. */
export const lanesOf = (
  group: string,
  subject: Case,
  builds: ReadonlyArray<Build>,
  isPresent: (program: Program) => boolean,
  wanted: RegExp
): ReadonlyArray<ProcessLane> => {
  const contenders = subject.contenders.filter(({ name }) => wanted.test(name))
  const programs = (subject.programs ?? []).filter(
    (program) => isPresent(program) && wanted.test(program.name)
  )
  return [
    ...builds.flatMap(({ folder, label }, at) =>
      contenders
        .filter(({ ours }) => ours || at === 0)
        .map(
          (contender) =>
            new ProcessLane(
              contender.name,
              contender.ours,
              sizeOf(subject, contender, false),
              contender.ours ? label : undefined,
              [process.execPath, "--expose-gc", `${folder}/contender.js`, group, subject.name, contender.name]
            )
        )
    ),
    ...programs.map((program) => {
      const n = sizeOf(subject, program, false)
      return new ProcessLane(program.name, false, n, undefined, commandOf(program, n))
    })
  ]
}

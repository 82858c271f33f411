import { openLoop } from "../loops.js"
import { type Case, type Contender, fail, type Outcome } from "../case.js"
import { type Commands, onLoop, platform, type Words } from "../platformCommands.js"
import { oneByOne } from "../waits.js"

type Use = (commands: Commands, n: number) => Promise<Outcome>

const ours = (asyncContext: boolean, use: Use): Contender => ({
  name: `effect-aio/platform${asyncContext ? "" : ", asyncContext: false"}`,
  ours: true,
  fraction: 1,
  prepare: async (n) => {
    const opened = await openLoop(asyncContext)
    const commands = await onLoop(opened.loop)
    return {
      go: () => use(commands, n),
      close: async () => {
        await commands.close()
        await opened.close()
      }
    }
  }
})

const theirs = (use: Use): Contender => ({
  name: "the platform's own",
  ours: false,
  fraction: 1,
  prepare: async (n) => {
    const commands = await platform()
    return { go: () => use(commands, n), close: commands.close }
  }
})

const contenders = (use: Use): ReadonlyArray<Contender> => [ours(true, use), ours(false, use), theirs(use)]

const hello: Words = ["/bin/echo", "hello"]

const string = async (commands: Commands): Promise<void> => {
  if ((await commands.string(hello)) !== "hello\n") fail("it said something else")
}

const exitCode = async (commands: Commands): Promise<void> => {
  if ((await commands.exitCode(["/bin/true"])) !== 0) fail("it failed")
}

const MIB = 2 ** 20

const zeros = (n: number): Words => ["head", "-c", String(n * MIB), "/dev/zero"]

const through = async (n: number, bytes: Promise<number>): Promise<number> => {
  const read = await bytes
  return read === n * MIB ? n : fail(`${read} bytes came of ${n * MIB}`)
}

/** `width` at a time. */
const atATime = async (n: number, width: number, one: () => Promise<void>): Promise<number> => {
  let left = n
  const lane = async (): Promise<void> => {
    while (left-- > 0) await one()
  }
  await Promise.all(Array.from({ length: width }, lane))
  return n
}

export const commands: ReadonlyArray<Case> = [
  {
    name: "string, one after the other",
    what: "commands whose output is a string",
    n: 200,
    measures: "latency",
    contenders: contenders((commands, n) => oneByOne(n, () => string(commands)))
  },
  {
    name: "string, 8 at a time",
    what: "commands whose output is a string",
    n: 200,
    contenders: contenders((commands, n) => atATime(n, 8, () => string(commands)))
  },
  {
    name: "exitCode",
    what: "commands whose exit is waited for",
    n: 200,
    measures: "latency",
    contenders: contenders((commands, n) => oneByOne(n, () => exitCode(commands)))
  },
  {
    name: "pipe",
    what: "MiB read from a command",
    n: 256,
    contenders: contenders((commands, n) => through(n, commands.bytes(zeros(n))))
  },
  {
    name: "pipe through another",
    what: "MiB read from a command that reads another",
    n: 256,
    contenders: contenders((commands, n) => through(n, commands.bytes(zeros(n), ["cat"])))
  }
]

import { spawn } from "node:child_process"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Loop } from "effect-aio"
import { type Opened, openLoop, ours } from "../loops.js"
import { type Case, type Contender, fail, peer, python } from "../case.js"
import { oneByOne } from "../waits.js"

const MIB = 2 ** 20

/** A program that does nothing, as quickly as any. */
const nothing = "/bin/true"

const spawned = (): Promise<void> =>
  new Promise((resolve, reject) => {
    spawn(nothing, { stdio: ["ignore", "ignore", "ignore"] })
      .on("error", reject)
      .on("close", (code) => (code === 0 ? resolve() : reject(new Error(`exit code ${code}`))))
  })

const devnull = { stdin: "devnull", stdout: "devnull", stderr: "devnull" } as const

/** `n` runs, `width` at a time. */
const atATime = async (n: number, width: number, one: () => PromiseLike<void>): Promise<number> => {
  let left = n
  const lane = async (): Promise<void> => {
    while (left-- > 0) await one()
  }
  await Promise.all(Array.from({ length: width }, lane))
  return n
}

const source = (n: number): ReadonlyArray<string> => ["-c", `${n * MIB}`, "/dev/zero"]

const check = (bytes: number, n: number): number =>
  bytes === n * MIB ? n : fail(`${bytes} bytes came of ${n * MIB}`)

const execOne = async ({ loop }: Opened): Promise<void> => {
  const process = await loop.createSubprocessExec(nothing, [], devnull)
  if ((await process.wait()) !== 0) fail("it failed")
}

const exec = ours((opened, n) => () => oneByOne(n, () => execOne(opened)), "createSubprocessExec")

const execEight = ours((opened, n) => () => atATime(n, 8, () => execOne(opened)), "createSubprocessExec")

/** The helper is there before the first child that counts. */
const helped: Contender = {
  name: "effect-aio, createSubprocessExec, spawnHelper",
  ours: true,
  fraction: 1,
  prepare: async (n) => {
    const opened = await openLoop(true, true)
    await execOne(opened)
    return { go: () => oneByOne(n, () => execOne(opened)), close: opened.close }
  }
}

const inScope = ours(
  ({ run }, n) =>
    () =>
      oneByOne(n, () =>
        run(
          Effect.scoped(
            Effect.flatMap(Loop.subprocess(nothing, [], devnull), ({ exitCode }) =>
              Effect.map(exitCode, (code) => void (code === 0 || fail("it failed")))
            )
          )
        )
      ),
  "Loop.subprocess"
)

/** What makes a parent expensive to fork: so much of it is resident. */
const RESIDENT = 500 * MIB
let ballast: Buffer | undefined

/** The same contenders in a big process. */
const big = (contenders: ReadonlyArray<Contender>): ReadonlyArray<Contender> =>
  contenders.map((contender) => ({
    ...contender,
    prepare: (n) => {
      ballast ??= Buffer.alloc(RESIDENT, 1)
      return contender.prepare(n)
    }
  }))

const oneAfterTheOther: ReadonlyArray<Contender> = [
  ...exec,
  ...inScope,
  peer("node:child_process", (n) => () => oneByOne(n, spawned))
]

export const processes: ReadonlyArray<Case> = [
  {
    name: "spawn, one after the other",
    what: "children started and ended",
    n: 100,
    measures: "latency",
    contenders: oneAfterTheOther,
    programs: python("spawn_one")
  },
  {
    name: "spawn from a parent of 500 MB",
    what: "children started and ended",
    n: 40,
    measures: "latency",
    contenders: big([helped, ...oneAfterTheOther])
  },
  {
    name: "spawn, 8 at a time",
    what: "children started and ended",
    n: 100,
    contenders: [...execEight, peer("node:child_process", (n) => () => atATime(n, 8, spawned))],
    programs: python("spawn_eight")
  },
  {
    name: "pipe",
    what: "MiB read from a child",
    n: 256,
    programs: python("pipe"),
    contenders: [
      ...ours(
        ({ loop }, n) =>
          () =>
            new Promise((resolve) => {
              let bytes = 0
              loop.subprocessExec(
                () => ({
                  pipeDataReceived: (_, data) => {
                    bytes += data.length
                  },
                  connectionLost: () => resolve(check(bytes, n))
                }),
                "head",
                source(n)
              )
            }),
        "protocol"
      ),
      ...ours(
        ({ loop }, n) =>
          async () => {
            const { stdout } = await loop.createSubprocessExec("head", source(n), { stdout: "pipe" })
            let bytes = 0
            for (;;) {
              const data = await stdout.read(MIB)
              if (data.length === 0) return check(bytes, n)
              bytes += data.length
            }
          },
        "Process.stdout.read"
      ),
      ...ours(
        ({ run }, n) =>
          () =>
            run(
              Effect.scoped(
                Effect.flatMap(Loop.subprocess("head", source(n)), ({ stdout }) =>
                  Effect.map(
                    Stream.runFold(stdout, 0, (bytes, data) => bytes + data.length),
                    (bytes) => check(bytes, n)
                  )
                )
              )
            ),
        "Loop.subprocess, Stream"
      ),
      peer("node:child_process, for await", (n) => async () => {
        let bytes = 0
        for await (const data of spawn("head", source(n)).stdout) bytes += (data as Buffer).length
        return check(bytes, n)
      }),
      peer(
        "node:child_process, on data",
        (n) => () =>
          new Promise((resolve) => {
            let bytes = 0
            const child = spawn("head", source(n))
            child.stdout.on("data", (data: Buffer) => {
              bytes += data.length
            })
            child.on("close", () => resolve(check(bytes, n)))
          })
      )
    ]
  }
]

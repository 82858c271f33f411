// Programs that hang at work, in processes of their own: the signal says what is on their loops, and who waits for whom.
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { Loop } from "../../../src/index.js"
import { programsOf, TIMEOUT } from "../../support/programs.js"

const start = programsOf("test/fixtures/hanging.ts")

/** What a program prints at the signal, from `head` on; it is told to stop then, and ends as it would have. */
const dumped = async (
  program: string,
  what: string,
  env: NodeJS.ProcessEnv = { EFFECT_AIO_DUMP: "SIGUSR2" }
) => {
  const running = start(program, { env })
  await running.until("ready")
  running.kill("SIGUSR2")
  await running.until(what)
  running.kill("SIGTERM")
  const { code, output } = await running.ended
  expect(code).toBe(143)
  return output.slice(output.indexOf("effect-aio, pid"))
}

describe("EFFECT_AIO_DUMP", () => {
  it.each([
    ["promise", [/^task +query .*a foreign promise/m, /^fiber +#\d+, in span load users .*task query/m]],
    ["circle", [/they wait for each other, for ever: task half 0 -> task half 1 -> task half 0/]],
    ["request", [/^task +GET \/users .*a foreign promise/m, /Node is kept by: .*TCPSocketWrap/]],
    ["child", [/^process +pid \d+: sleep .*its exit/m, /in span sleeps/]],
    ["job", [/^job +spin .*running/m, /^task +sums up /m]]
  ])(
    "names why a program hangs: %s",
    async (program, patterns) => {
      const output = await dumped(program, "Node is kept by")
      for (const pattern of patterns) expect(output).toMatch(pattern)
      expect(output).toMatch(/^effect-aio, pid \d+: 1 loop\n\nloop-1: running, /)
    },
    TIMEOUT
  )

  it(
    "prints the loops of other threads, too",
    async () => {
      const output = await dumped("thread", "in a thread")
      expect(output).toMatch(/effect-aio, thread \d+ of pid \d+: 1 loop/)
    },
    TIMEOUT
  )

  it(
    "may be asked for again and again, and by the program as well: each delivery prints once",
    async () => {
      const running = start("option", { env: { EFFECT_AIO_DUMP: "SIGUSR2" } })
      await running.until("ready")
      for (let i = 1; i <= 3; i++) {
        running.kill("SIGUSR2")
        while (running.output().split("effect-aio, pid").length <= i) await new Promise(setImmediate)
      }
      running.kill("SIGTERM")
      const { code, output } = await running.ended
      expect(code).toBe(143)
      expect(output.split("effect-aio, pid")).toHaveLength(4)
    },
    TIMEOUT
  )

  it(
    "says so where it names no signal that will do, and the program runs on",
    async () => {
      for (const name of ["SIGTERM", "SIGKILL", "SIGUSR1", "nonsense"]) {
        const running = start("idle", { env: { EFFECT_AIO_DUMP: name } })
        await running.until("ready")
        running.kill("SIGTERM")
        const { code, output } = await running.ended
        expect(output).toContain(`EFFECT_AIO_DUMP is one that means nothing else to the process: SIGUSR2`)
        expect(code).toBe(143)
      }
    },
    TIMEOUT
  )

  it(
    "is nothing where it is not set: SIGUSR2 ends a program, as it always has",
    async () => {
      const running = start("idle", { env: {} })
      await running.until("ready")
      running.kill("SIGUSR2")
      expect((await running.ended).signal).toBe("SIGUSR2")
    },
    TIMEOUT
  )
})

describe("dumpOn of Loop.run", () => {
  it(
    "prints on the signal, while the program runs",
    async () => {
      const output = await dumped("option", "Node is kept by", {})
      expect(output).toMatch(/^task +query /m)
    },
    TIMEOUT
  )

  it("refuses a signal that means something else, before anything is opened", () => {
    for (const dumpOn of ["SIGINT", "SIGSEGV", "SIGNOTHING"] as Array<NodeJS.Signals>) {
      expect(() => void Loop.run(Effect.void, { dumpOn })).toThrow(
        expect.objectContaining({ _tag: "SignalError", message: expect.stringContaining("dumpOn") as string })
      )
    }
  })
})

// The table of leftovers: it can be built of whatever is left, and a person can read it.
// Covers: row, table
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { Future, Loop, type Report } from "../../../src/index.js"
import { tableOf } from "../../../src/Loop/closing/table.js"
import { guardedRow } from "../../../src/Loop/closing/row.js"
import type { EventLoop } from "../../../src/Loop/EventLoop.js"
import type { Leftover } from "../../../src/Loop/ports.js"

const row = (over: Partial<Leftover>): Leftover => ({
  what: "task",
  name: "GET /user",
  age: 1,
  state: "cancelling",
  waitingOn: "a foreign promise",
  createdAt: "main.ts:1",
  blamed: true,
  ...over
})

/** What a loop reports that is closed while `leave` has left something on it that does not stop. */
const reportsOf = async (leave: (loop: EventLoop) => void): Promise<ReadonlyArray<Report>> => {
  const reports: Array<Report> = []
  const program = Effect.flatMap(Loop, (loop) => Effect.sync(() => leave(loop)))
  await Effect.runPromise(
    Loop.scoped(program, {
      closeDeadline: 50,
      slowJoin: 10_000,
      exceptionHandler: (_, report) => void reports.push(report)
    })
  )
  return reports
}

const hangs = (): Promise<never> => new Promise(() => {})

describe("the table of leftovers", () => {
  it("S2 equal rows are one, with their number and the age of the oldest", () => {
    const rows = [287, 40, 3].map((age) => row({ age }))
    const table = tableOf([row({ name: "POST /user" }), ...rows])
    expect(table.split("\n").map((line) => line.split(/ {2,}/).slice(0, 4))).toEqual([
      ["what", "name", "age", "state"],
      ["task", "POST /user", "1ms", "cancelling"],
      ["task", "3 x GET /user", "oldest 287ms", "cancelling"]
    ])
  })

  it("S2 a row is one line of bounded length, without anything that a terminal obeys", () => {
    const long = "x".repeat(1_000_000)
    const table = tableOf([row({ name: `\u001b[31mred\nname${long}`, waitingOn: long, createdAt: long })])
    expect(table.split("\n")).toHaveLength(2)
    expect(table.length).toBeLessThan(1500)
    expect(table).not.toContain("\u001b")
  })

  it("S2 the number of rows is bounded, and the rest is counted", () => {
    const rows = Array.from({ length: 120 }, (_, i) => row({ name: `job ${i % 60}` }))
    const lines = tableOf(rows).split("\n")
    expect(lines).toHaveLength(52)
    expect(lines[51]).toBe("... and 20 more")
  })

  it("S2 a row that cannot be built says what kind of thing is left", () => {
    const broken = guardedRow("task", () => {
      throw new Error("no")
    })
    expect(broken).toMatchObject({ what: "task", name: "<unprintable>", blamed: true })
  })

  it("S2 a loop closes that has to name a hundred and one tasks, one of them with a statement of 6 MB as its name", async () => {
    const [report] = await reportsOf((loop) => {
      loop.createTask(hangs, { name: "select\n".repeat(1_000_000) })
      for (let i = 0; i < 100; i++) loop.createTask(hangs, { name: "job" })
    })
    expect(report?.kind).toBe("leftover")
    expect(report?.message).toMatch(
      /^101 left over on .*\nwhat .*\ntask {2}select select .*… {2}.*\ntask {2}100 x job {2,}oldest \d+ms[^\n]*$/
    )
  })

  it("S2 a loop closes whose leftovers wait for a Future that has no text, or have none themselves", async () => {
    class BadText extends Future<unknown> {
      override toString(): string {
        throw new Error("no text")
      }
    }
    const [report] = await reportsOf((loop) => {
      const bad = new BadText(loop)
      loop.createTask(
        async (task) => {
          try {
            await loop.sleep(60_000)
          } catch {
            task.link(bad)
            await hangs()
          }
        },
        { name: "waits" }
      )
      const odd = loop.createTask(hangs, { name: "odd" })
      odd.getCoro = () => {
        throw new Error("no coroutine")
      }
    })
    expect(report?.message).toMatch(/\ntask {2}waits .* <unprintable> /)
    expect(report?.message).toMatch(/\ntask {2}<unprintable> /)
  })
})

import { describe, expect, it } from "vitest"
import type { Message, PageLoop, PageRow } from "../../../src/cli/ui/messages.js"
import { KEPT, Model, MOST_BARS } from "../../../src/cli/page/Model.js"
import { loopShown, rowShown } from "../../support/shown.js"

const all = (
  at: number,
  rows: ReadonlyArray<PageRow>,
  loops: ReadonlyArray<PageLoop> = [loopShown()]
): Message => ({
  kind: "all",
  at,
  next: 500,
  pid: 4711,
  by: "a test",
  threads: [],
  loops,
  rows
})
const changes = (
  at: number,
  rows: ReadonlyArray<PageRow>,
  gone: ReadonlyArray<string> = [],
  loops: ReadonlyArray<PageLoop> = [loopShown()]
): Message => ({ kind: "changes", at, next: 500, threads: [], loops, rows, gone })

const modelOf = (...messages: ReadonlyArray<Message>): Model => {
  const model = new Model()
  for (const message of messages) model.take(message)
  return model
}
const livesOf = ({ bars }: Model) => bars.map(({ end, id, start, under }) => [id, start, end, under?.id])

describe("what the page knows", () => {
  it("has the rows that are there, and the lives of those that have a birth, until they have gone", () => {
    const model = modelOf(
      all(1_000, [rowShown({ id: "a", born: 900 }), rowShown({ id: "timer", born: undefined })]),
      changes(1_500, [rowShown({ id: "b", born: 1_400 })], ["a", "timer"])
    )
    expect([...model.rows.keys()]).toEqual(["b"])
    expect(livesOf(model)).toEqual([
      ["a", 900, 1_500, undefined],
      ["b", 1_400, undefined, undefined]
    ])
    expect(model.status).toBe("live")
  })

  it("takes all that is there after some that was missed: what is not among it has gone", () => {
    const model = modelOf(
      all(1_000, [rowShown({ id: "a" }), rowShown({ id: "b" })]),
      all(2_000, [rowShown({ id: "b" })])
    )
    expect([...model.rows.keys()]).toEqual(["b"])
    expect(model.bars.map(({ end }) => end)).toEqual([2_000, undefined])
  })

  it("has the states of a life from when on they were seen, and not without end", () => {
    const model = modelOf(all(1_000, [rowShown({ id: "a", born: 900 })]))
    model.take(changes(1_500, [rowShown({ id: "a", state: "cancelling" })]))
    model.take(changes(2_000, [rowShown({ id: "a", state: "cancelling", notes: "x=1" })]))
    expect(model.bars[0]?.parts.map(({ from, state }) => [from, state])).toEqual([
      [900, "pending"],
      [1_500, "cancelling"]
    ])
    for (let i = 0; i < 500; i++)
      model.take(changes(3_000 + i, [rowShown({ id: "a", waitingOn: String(i) })]))
    expect(model.bars[0]?.parts).toHaveLength(100)
    expect(model.bars[0]?.parts.at(-1)?.waitingOn).toBe("499")
  })

  it("hangs a life below what has forked it, or waits for it, also by what has no life of its own; never in a circle", () => {
    const model = modelOf(
      all(1_000, [
        rowShown({ id: "fiber", waitsFor: ["future"] }),
        rowShown({ id: "future", born: undefined, waitsFor: ["task"] }),
        rowShown({ id: "task" }),
        rowShown({ id: "fork", parent: "fiber" }),
        rowShown({ id: "one", waitsFor: ["two"] }),
        rowShown({ id: "two", waitsFor: ["one"] })
      ])
    )
    expect(livesOf(model).map(([id, , , under]) => [id, under])).toEqual([
      ["fiber", undefined],
      ["task", "fiber"],
      ["fork", "fiber"],
      ["one", "two"],
      ["two", undefined]
    ])
  })

  it("keeps what has ended for some minutes, and so many at most", () => {
    const model = modelOf(
      all(0, [rowShown({ id: "a", born: 0 })]),
      changes(1, [rowShown({ id: "child", parent: "a" })], [])
    )
    model.take(changes(10, [], ["a"]))
    model.take(changes(KEPT, []))
    expect(model.bars.map(({ id }) => id)).toEqual(["a", "child"])
    const { shape } = model
    model.take(changes(KEPT + 11, []))
    expect(livesOf(model).map(([id, , , under]) => [id, under])).toEqual([["child", undefined]])
    expect(model.shape).toBeGreaterThan(shape)
    const many = Array.from({ length: 2 * MOST_BARS }, (_, i) => rowShown({ id: String(i) }))
    model.take(changes(KEPT + 20, many))
    model.take(
      changes(
        KEPT + 30,
        [],
        many.map(({ id }) => id)
      )
    )
    expect(model.bars).toHaveLength(MOST_BARS + 1)
  })

  it("has the numbers of each loop, what was run in a second among them, for some minutes", () => {
    const loop = (callbacks: number, max?: number): PageLoop =>
      loopShown({ callbacks, ready: 3 }, { delay: max === undefined ? undefined : { mean: 1, max } })
    const model = modelOf(
      all(1_000, [], [loop(100)]),
      changes(1_500, [], [], [loop(150, 7)]),
      changes(1_500, [], [], [loop(150, 7)])
    )
    expect(
      model.points.get("0/loop-1")?.map(({ callbacks, late, ready }) => [callbacks, late, ready])
    ).toEqual([
      [undefined, undefined, 3],
      [100, 7, 3],
      [undefined, 7, 3]
    ])
    for (let i = 0; i < 3_000; i++) model.take(changes(2_000 + i, [], [], [loop(1)]))
    expect(model.points.get("0/loop-1")).toHaveLength(2_000)
    model.take(changes(KEPT * 2, [], [], [loopShown({}, { id: "0/other" })]))
    expect([...model.points.keys()]).toEqual(["0/other"])
  })

  it("keeps what was seen last when the program has ended, or cannot be seen", () => {
    const model = modelOf(all(1_000, [rowShown()]), {
      kind: "trouble",
      at: 1_500,
      text: "it has not answered"
    })
    expect([model.status, model.trouble, model.rows.size]).toEqual(["live", "it has not answered", 1])
    model.take(changes(1_600, []))
    expect(model.trouble).toBeUndefined()
    model.take({ kind: "ended", at: 2_000, text: "process 4711 has ended" })
    expect([model.status, model.trouble, model.rows.size, model.at]).toEqual([
      "ended",
      "process 4711 has ended",
      1,
      2_000
    ])
  })
})

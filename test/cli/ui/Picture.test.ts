import { describe, expect, it } from "vitest"
import { Picture } from "../../../src/cli/ui/Picture.js"
import { dumpSeen, rowSeen, threadSeen, timerSeen } from "../../support/seen.js"

const at = 1_000_000
const pictureOf = (rows: Parameters<typeof dumpSeen>[0], most = 100, before?: Picture) =>
  new Picture(at, [threadSeen([dumpSeen(rows)])], most, before)
const all = (picture: Picture) => picture.all(1, "a test", 500)

describe("a picture of a process", () => {
  it("has the rows by ids that stay, their births for their ages, and what refers to others by their ids", () => {
    const { loops, rows } = all(
      pictureOf([
        rowSeen({ key: 7, what: "fiber", name: "#1", age: 30, waitsFor: [2] }),
        rowSeen({ key: 9, parent: 1, annotations: { user: "7", at: "x" } })
      ])
    )
    expect(rows).toMatchObject([
      { id: "0/loop-1/7", loop: "0/loop-1", born: at - 30, waitsFor: ["0/loop-1/9"], count: 1 },
      { id: "0/loop-1/9", parent: "0/loop-1/7", notes: "user=7 at=x" }
    ])
    expect(loops).toMatchObject([
      { id: "0/loop-1", thread: 0, more: 0, numbers: { name: "loop-1", tasks: 2 } }
    ])
  })

  it("tells loops of one name apart, and those of several threads", () => {
    const picture = new Picture(
      at,
      [
        threadSeen([dumpSeen([rowSeen()]), dumpSeen([rowSeen()])]),
        threadSeen([dumpSeen([rowSeen()])], { thread: 2, busy: ["f (a.js:1)"] })
      ],
      100,
      undefined
    )
    expect(picture.loops.map(({ id }) => id)).toEqual(["0/loop-1", "0/loop-1#2", "2/loop-1"])
    expect(picture.size).toBe(3)
    expect(picture.threads).toEqual([
      { thread: 0, library: true, busy: undefined },
      { thread: 2, library: true, busy: ["f (a.js:1)"] }
    ])
  })

  it("has one row for those without a key that differ in nothing", () => {
    const { rows } = all(
      pictureOf([timerSeen(), timerSeen(), timerSeen({ waitingOn: "due within 10s" }), timerSeen({ age: 5 })])
    )
    expect(rows.map(({ born, count, waitingOn }) => [count, waitingOn, born])).toEqual([
      [3, "due within 1s", undefined],
      [1, "due within 10s", undefined]
    ])
  })

  it("tells of the next one only what is new, whatever the clocks say of a birth", () => {
    const rows = [rowSeen({ key: 1 }), rowSeen({ key: 2 }), rowSeen({ key: 3 })]
    const one = pictureOf(rows)
    const older = rows.map((row) => ({ ...row, age: 13.7 }))
    const two = new Picture(at + 3, [threadSeen([dumpSeen(older)])], 100, one)
    expect(two.since(one, 500)).toMatchObject({ kind: "changes", rows: [], gone: [] })
    const three = pictureOf(
      [rowSeen({ key: 2, state: "cancelling" }), rowSeen({ key: 3 }), rowSeen({ key: 4 })],
      100,
      two
    )
    const changes = three.since(two, 500)
    expect(changes.gone).toEqual(["0/loop-1/1"])
    expect(changes.rows.map(({ id, state }) => [id, state])).toEqual([
      ["0/loop-1/2", "cancelling"],
      ["0/loop-1/4", "pending"]
    ])
  })

  it("is bounded: a million rows, names of a megabyte, annotations, references, circles and resources without end", () => {
    const many = Array.from({ length: 1_000_000 }, (_, i) => i + 1)
    const long = "x".repeat(1_000_000)
    const row = rowSeen({
      name: long,
      what: long,
      state: long,
      waitingOn: long,
      createdAt: long,
      annotations: Object.fromEntries(many.slice(0, 1_000).map((i) => [`${i}${long.slice(0, 100)}`, long])),
      waitsFor: many
    })
    const rows = [row, ...many.slice(1).map((key) => rowSeen({ key }))]
    const dump = dumpSeen(rows, {
      circles: [many, ...many.slice(0, 1_000).map(() => [1, 2])],
      resources: Object.fromEntries(many.slice(0, 1_000).map((i) => [`${i}${long}`, 1])),
      loop: { name: long }
    })
    const busy = Array.from({ length: 1_000 }, () => long)
    const picture = new Picture(at, [threadSeen([dump, dump], { busy })], 10_000, undefined)
    expect(picture.size).toBe(10_000)
    expect(picture.loops.map(({ more }) => more)).toEqual([990_000, 1_000_000])
    expect(picture.loops[0]?.circles).toHaveLength(99)
    expect(Math.max(...all(picture).rows.map((row) => JSON.stringify(row).length))).toBeLessThan(30_000)
    expect(JSON.stringify(all(picture)).length).toBeLessThan(10_000_000)
  })

  it("does not keep the one before it", () => {
    // Each would keep its own, and the first one would never go.
    let picture: Picture | undefined
    const refs = Array.from({ length: 3 }, () => {
      picture = pictureOf([rowSeen()], 100, picture)
      return new WeakRef(picture)
    })
    picture = undefined
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      globalThis.gc?.()
      expect(refs.map((ref) => ref.deref())).toEqual([undefined, undefined, undefined])
    })
  })
})

// What the keys make of the view, and the screen that follows.
// Covers: frame, Snapshot
import { describe, expect, it } from "vitest"
import { SyncLoop } from "../../../src/index.js"
import { frameOf } from "../../../src/cli/top/frame.js"
import { History, type Snapshot } from "../../../src/cli/top/Snapshot.js"
import { columns, initial, press, tableRows, type Key, type TopState } from "../../../src/cli/top/TopState.js"
import type { ThreadDumps } from "../../../src/cli/Viewed.js"
import type { SeenRow } from "../../../src/Loop/inspect/SeenDump.js"
import { row } from "../../support/dumpRows.js"

const loop = SyncLoop.make({ name: "main" })
const empty = loop.dump().toJSON()
void loop.close()

const thread = (
  rows: ReadonlyArray<SeenRow>,
  over: Partial<ThreadDumps & { circles: number[][]; more: number }> = {}
) => ({
  thread: 0,
  library: true,
  busy: undefined,
  dumps: [{ ...empty, rows, circles: over.circles ?? [], more: over.more ?? 0 }],
  ...over
})

const seenRow = (over: Partial<SeenRow>): SeenRow => ({ ...row({}), ...over })

const rows: ReadonlyArray<SeenRow> = [
  seenRow({ id: 1, key: 11, name: "load", age: 500, waitsFor: [2], waitingOn: "task save" }),
  seenRow({ id: 2, key: 12, name: "save", age: 9_000, state: "cancelling" }),
  seenRow({ id: 3, what: "timer", name: "tick", age: undefined, waitingOn: "due within 1s" })
]

const seen = (given = rows): Snapshot => new History().take(7, [thread(given)], 0)

const keyed = (name: string, over: Partial<Key> = {}): Key => ({
  name,
  ctrl: false,
  text: name.length === 1 ? name : "",
  ...over
})

/** The view after some keys. */
const after = (keys: ReadonlyArray<Key>, snapshot = seen(), state = initial): TopState =>
  keys.reduce((now, key) => press(now, key, tableRows(snapshot.loops, now), 2)[0], state)

const names = (state: TopState, snapshot = seen()) => tableRows(snapshot.loops, state).map(({ name }) => name)

const text = (state: TopState, size: readonly [number, number], snapshot = seen()): ReadonlyArray<string> =>
  frameOf("top", snapshot, state, size).lines.map(({ cells }) => {
    let line = ""
    for (const { at, text } of cells) line = line.slice(0, at - 1).padEnd(at - 1) + text
    return line.slice(0, size[0]).trimEnd()
  })

describe("the keys of top", () => {
  it("sort by each column, both ways", () => {
    expect(names(initial)).toEqual(["save", "load", "tick"])
    expect(names(after([keyed("r")]))).toEqual(["tick", "load", "save"])
    const sorts = columns.map((_, i) => after(Array.from({ length: i }, () => keyed("s"))).sort)
    expect(new Set(sorts)).toEqual(new Set(columns))
    expect(after([keyed("s"), keyed("s", { text: "S" })]).sort).toBe("age")
    expect(names(after([keyed("s", { text: "S" }), keyed("r")]))).toEqual(["load", "save", "tick"])
  })

  it("choose a row, which stays chosen where others come and go", () => {
    const chosen = after([keyed("down"), keyed("down")])
    expect(tableRows(seen().loops, chosen).find(({ identity }) => identity === chosen.chosen)?.name).toBe(
      "load"
    )
    expect(after([keyed("j"), keyed("k"), keyed("up")]).chosen).toBe(after([keyed("home")]).chosen)
    expect(after([keyed("pagedown"), keyed("pagedown"), keyed("pagedown")]).chosen).toBe(
      after([keyed("end")]).chosen
    )
    expect(after([keyed("end"), keyed("pageup"), keyed("pageup")]).chosen).toBe(after([keyed("home")]).chosen)
    const others = seen([seenRow({ id: 1, key: 99, name: "new" }), { ...rows[0], id: 2 } as SeenRow])
    expect(tableRows(others.loops, chosen).some(({ identity }) => identity === chosen.chosen)).toBe(true)
    expect(after([keyed("down"), keyed("up")], seen([])).chosen).toBeUndefined()
  })

  it("filter by a text in any column, while it is written", () => {
    const writing = after([
      keyed("/", { text: "/" }),
      ..."SAVx".split("").map((one) => keyed(one)),
      keyed("backspace")
    ])
    expect(writing).toMatchObject({ mode: "filter", filter: "SAV" })
    expect(names(writing)).toEqual(["save", "load"])
    expect(after([keyed("return")], seen(), writing)).toMatchObject({ mode: "look", filter: "SAV" })
    expect(after([keyed("escape")], seen(), writing)).toMatchObject({ mode: "look", filter: "" })
    expect(after([keyed("u", { ctrl: true })], seen(), writing).filter).toBe("")
    expect(after([keyed("q")], seen(), writing)).toMatchObject({ mode: "filter", filter: "SAVq" })
    expect(names(after([keyed("/", { text: "/" }), ..."due".split("").map((one) => keyed(one))]))).toEqual([
      "tick"
    ])
  })

  it("cancel what is chosen, when that is confirmed", () => {
    const asked = after([keyed("down"), keyed("c")])
    expect(asked.mode).toBe("confirm")
    expect(text(asked, [80, 10]).at(-1)).toBe("cancel task save? (y, or any other key)")
    expect(press(asked, keyed("y"), [], 1)).toEqual([{ ...asked, mode: "look" }, "cancel"])
    expect(press(asked, keyed("n"), [], 1)).toEqual([
      { ...asked, mode: "look", message: "nothing was cancelled" },
      undefined
    ])
    expect(after([keyed("c")]).message).toBe("choose a row first, with the arrows")
    expect(after([keyed("end"), keyed("c")]).message).toBe("a timer cannot be cancelled from here")
  })

  it("pause, show a tree, show the keys, and end it", () => {
    expect(after([keyed("p")]).paused).toBe(true)
    expect(after([keyed("space"), keyed("p")]).paused).toBe(false)
    expect(after([keyed("t")]).tree).toBe(true)
    expect(after([keyed("t"), keyed("s")]).tree).toBe(false)
    expect(after([keyed("?", { text: "?" })]).mode).toBe("help")
    expect(after([keyed("h"), keyed("x")]).mode).toBe("look")
    expect(press(initial, keyed("q"), [], 1)[1]).toBe("quit")
    for (const mode of ["look", "filter", "confirm", "help"] as const) {
      expect(press({ ...initial, mode }, keyed("c", { ctrl: true }), [], 1)[1]).toBe("quit")
      expect(press({ ...initial, mode }, keyed("z", { ctrl: true }), [], 1)[1]).toBe("suspend")
    }
    expect(after([keyed("x")])).toEqual(initial)
  })
})

describe("the screen of top", () => {
  it("is a table", () => {
    expect(text(initial, [90, 9])).toEqual([
      "top   3 rows, 3 new, 0 gone, 0 went on",
      "pid 7: 1 loop",
      "  main: stopped, 0 ready, 3 there",
      "what    name    age ▼  state       still    waiting on         created at",
      "task    save    9.0s   cancelling  0ms      a foreign promise",
      "task    load    500ms  pending     0ms      task save",
      "timer   tick           pending     0ms      due within 1s",
      "",
      "? keys   / filter   s sort   t tree   c cancel   p pause   q quit"
    ])
  })

  it("is a tree", () => {
    expect(text({ ...initial, tree: true }, [60, 8]).slice(3, 7)).toEqual([
      expect.stringMatching(/^what +name +age /),
      expect.stringMatching(/^task +load/),
      expect.stringMatching(/^└─ task +save/),
      expect.stringMatching(/^timer +tick/)
    ])
    const filtered = text({ ...initial, tree: true, filter: "cancelling" }, [60, 8])
    expect(filtered.filter((line) => /task|timer/.test(line))).toEqual([
      expect.stringMatching(/^└─ task +save/)
    ])
  })

  it("says for how long a row has been seen waiting for the same, and what has changed", () => {
    const history = new History()
    history.take(7, [thread(rows)], 1_000)
    const [first, ...others] = rows
    const moved = [{ ...first, waitingOn: "task other" } as SeenRow, ...others.slice(0, 1)]
    const snapshot = history.take(7, [thread([...moved, seenRow({ id: 3, key: 20, name: "new" })])], 4_000)
    expect(snapshot).toMatchObject({ come: 1, gone: 1, moved: 1 })
    expect(snapshot.loops.flat().map(({ name, still }) => [name, still])).toEqual([
      ["load", 0],
      ["save", 3_000],
      ["new", 0]
    ])
  })

  it("keeps the things of threads, and of loops that have no keys, apart", () => {
    const worker = { ...thread(rows), thread: 3 }
    const snapshot = new History().take(7, [thread(rows), worker], 0)
    const identities = snapshot.loops.flat().map(({ identity }) => identity)
    expect(new Set(identities).size).toBe(6)
    expect(snapshot.heads).toContain("thread 3 of pid 7: 1 loop")
  })

  it("shows circles, and where a thread is that gives Node no turn", () => {
    const busy = new History().take(
      7,
      [{ ...thread(rows, { circles: [[1, 2]] }), busy: ["spin (a.js:1)"] }],
      0
    )
    const screen = text({ ...initial, sort: "name", backwards: false }, [120, 30], busy)
    expect(screen).toContain("it is busy with")
    expect(screen).toContain("  spin (a.js:1)")
    expect(screen).toContain("  they wait for each other, for ever: task load -> task save -> task load")
    expect(screen.filter((line) => /in a circle/.test(line))).toHaveLength(2)
  })

  it("fits any size, follows the chosen row, and counts what it has no room for", () => {
    const many = Array.from({ length: 10_000 }, (_, i) =>
      seenRow({ id: i + 1, key: i, name: `nap ${i}`, age: i })
    )
    const snapshot = new History().take(7, [thread(many, { more: 5 })], 0)
    const end = press(initial, keyed("end"), tableRows(snapshot.loops, initial), 10)[0]
    const screen = text(end, [100, 12], snapshot)
    expect(screen).toHaveLength(12)
    expect(screen[0]).toBe("top   10000 rows, 10000 new, 0 gone, 0 went on; 5 were not taken (--rows)")
    expect(screen.at(-2)).toMatch(/^task +nap 0 /)
    for (const size of [
      [1, 1],
      [10, 3],
      [400, 5]
    ] as const) {
      for (const state of [initial, end, { ...end, mode: "help" as const }, { ...initial, tree: true }]) {
        const lines = text(state, size, snapshot)
        expect(lines.length).toBeLessThanOrEqual(Math.max(2, size[1]))
        expect(lines.every((line) => line.length <= size[0])).toBe(true)
      }
    }
    const loops = new History().take(
      7,
      [{ ...thread([]), dumps: Array.from({ length: 50 }, () => empty) }],
      0
    )
    expect(text(initial, [80, 12], loops)).toContain("... and 49 lines more")
  })

  it("shows nothing that a terminal would obey", () => {
    const evil = seen([seenRow({ id: 1, key: 1, name: `\u001b[2J\u0007${"x".repeat(1_000_000)}` })])
    const { lines } = frameOf("top", evil, initial, [80, 10])
    const all = lines.flatMap(({ cells }) => cells.map(({ text }) => text)).join("")
    expect([...all].filter((one) => one < " ")).toEqual([])
    expect(all.length).toBeLessThan(2_000)
  })
})

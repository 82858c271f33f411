import { describe, expect, it } from "vitest"
import { inTurns, type Lane } from "../../bench/rounds.js"

const lanes = (log: Array<string>): ReadonlyArray<Lane> =>
  ["a", "b", "c"].map((name) => ({
    name,
    ours: name === "a",
    library: name === "a" ? "old" : undefined,
    n: 10,
    sample: async () => {
      log.push(name)
      return { wall: log.length, cpu: 1, ...(name === "c" ? { p50: 5 } : {}) }
    }
  }))

describe("rounds of the benchmark", () => {
  it("asks every contender once a round, and begins with another each time", async () => {
    const log: Array<string> = []
    await inTurns(lanes(log), { warmUp: 1, kept: 2 })
    expect(log.join("")).toBe("abcbcacab")
  })

  it("keeps what came after the warm-up, round by round", async () => {
    const [a, b, c] = await inTurns(lanes([]), { warmUp: 1, kept: 2 })
    expect(a).toEqual({ name: "a", ours: true, library: "old", n: 10, wall: [6, 8], cpu: [1, 1] })
    expect(b?.wall).toEqual([4, 9])
    expect(b).not.toHaveProperty("library")
    expect(c?.p50).toEqual([5, 5])
  })

  const broken = (library: string | undefined, after: number): Lane => {
    let left = after
    return {
      name: "it",
      ours: true,
      library,
      n: 10,
      sample: async () => {
        if (left-- === 0) throw new Error("wrong result")
        return { wall: 1, cpu: 1 }
      }
    }
  }

  it("says who failed", async () => {
    const rounds = { warmUp: 0, kept: 2 }
    await expect(inTurns([broken(undefined, 0)], rounds)).rejects.toThrow("it: Error: wrong result")
    await expect(inTurns([broken("old", 1)], rounds)).rejects.toThrow("it [old]: Error: wrong result")
  })

  it("leaves out what another build cannot do, and says so", async () => {
    const said: Array<string> = []
    const found = await inTurns([...lanes([]), broken("old", 0)], { warmUp: 1, kept: 2 }, (what) =>
      said.push(what)
    )
    expect(found.map(({ name }) => name)).toEqual(["a", "b", "c"])
    expect(said).toEqual(["it [old]: Error: wrong result"])
  })
})

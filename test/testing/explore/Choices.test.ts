// The choices of a run, the numbers that decide them, and how a schedule is shrunk.
// Covers: random, shrink
import { describe, expect, it } from "vitest"
import * as fc from "fast-check"
import { Effect } from "effect"
import { Choices, following, type Schedule, seeded } from "../../../src/testing/explore/Choices.js"
import { randomOf } from "../../../src/testing/explore/random.js"
import { shrink } from "../../../src/testing/explore/shrink.js"

describe("randomOf", () => {
  it("gives the same numbers for a seed, on every machine", () => {
    const random = randomOf(7)
    const numbers = Array.from({ length: 4 }, () => Math.floor(random() * 1_000))
    expect(numbers).toEqual([80, 403, 838, 992])
  })

  it("gives numbers from 0 up to 1, others for the next seed, and every one of ten about as often", () => {
    const counts = Array.from({ length: 10 }, () => 0)
    for (let seed = 0; seed < 10_000; seed++) {
      const at = Math.floor(randomOf(seed)() * 10)
      counts[at] = (counts[at] ?? 0) + 1
    }
    expect(counts).toHaveLength(10)
    expect(Math.min(...counts)).toBeGreaterThan(850)
    expect(Math.max(...counts)).toBeLessThan(1_150)
    expect(randomOf(2 ** 40)()).not.toBe(randomOf(0)())
  })
})

describe("Choices", () => {
  const made = (choices: Choices, arities: ReadonlyArray<number>): ReadonlyArray<number> =>
    arities.map((n) => choices.choose("event", n))

  it("asks nobody where there is no choice, and keeps what is not the plain order", () => {
    const choices = new Choices((_kind, n) => n - 1)
    expect(made(choices, [1, 3, 1, 2])).toEqual([0, 2, 0, 1])
    expect(choices.schedule).toEqual([
      [0, 2],
      [1, 1]
    ])
    expect(choices.places).toBe(2)
  })

  it("follows a schedule, and the plain order where that says nothing or what is not there", () => {
    const schedule: Schedule = [
      [1, 1],
      [2, 4],
      [9, 1]
    ]
    const choices = new Choices(following(schedule))
    expect(made(choices, [2, 2, 3, 2])).toEqual([0, 1, 0, 0])
    expect(choices.schedule).toEqual([[1, 1]])
  })

  it("what a seed chose is followed by its schedule, whatever there is to choose", () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 60 }), (seed, arities) => {
        const first = new Choices(seeded(seed, 2, 10))
        const chosen = made(first, arities)
        const again = new Choices(following(first.schedule))
        expect(made(again, arities)).toEqual(chosen)
        expect(again.way).toBe(first.way)
        expect(chosen.every((choice, at) => choice < (arities[at] ?? 0))).toBe(true)
      })
    )
  })

  it("strikes at most as often as it may, at every place as often as at others", () => {
    const hits = Array.from({ length: 20 }, () => 0)
    for (let seed = 0; seed < 4_000; seed++) {
      const choices = new Choices(seeded(seed, 1, 20))
      const struck = hits.map(() => choices.choose("strike", 3)).map((choice, at) => (choice > 0 ? at : -1))
      const places = struck.filter((at) => at >= 0)
      expect(places.length).toBeLessThanOrEqual(1)
      for (const at of places) hits[at] = (hits[at] ?? 0) + 1
    }
    expect(Math.min(...hits)).toBeGreaterThan(100)
    expect(Math.max(...hits)).toBeLessThan(200)
  })
})

describe("shrink", () => {
  const shrunk = (
    found: Schedule,
    fails: (schedule: Schedule) => boolean,
    places = 0
  ): { readonly best: Schedule; readonly tried: number } => {
    let tried = 0
    const best = Effect.runSync(
      shrink(found, places, (schedule) => {
        tried++
        return Effect.succeed(fails(schedule) ? schedule : undefined)
      })
    )
    return { best, tried }
  }

  it("leaves the changes that are needed, and makes them as small as can be", () => {
    const needed = (schedule: Schedule): boolean =>
      schedule.some(([place, choice]) => place === 30 && choice >= 2) &&
      schedule.some(([place]) => place === 77)
    const found: Schedule = Array.from({ length: 100 }, (_, place) => [place, 5])
    expect(shrunk(found, needed).best).toEqual([
      [30, 2],
      [77, 1]
    ])
  })

  it("finds one change that does alone what several did", () => {
    const fails = (schedule: Schedule): boolean =>
      (schedule.length === 1 && schedule[0]?.[0] === 12) || schedule.length >= 3
    const found: Schedule = [
      [1, 1],
      [2, 1],
      [3, 1]
    ]
    expect(shrunk(found, fails, 20).best).toEqual([[12, 1]])
  })

  it("moves what comes after a change that is left out", () => {
    // The second change is at another place where the first is not made.
    const fails = (schedule: Schedule): boolean =>
      schedule.length === 2 ? schedule[1]?.[0] === 8 : schedule.length === 1 && schedule[0]?.[0] === 7
    const found: Schedule = [
      [3, 1],
      [8, 1]
    ]
    expect(shrunk(found, fails).best).toEqual([[7, 1]])
  })

  it("ends, also where a thousand changes cannot be spared", () => {
    const found: Schedule = Array.from({ length: 1_000 }, (_, place) => [place, 3])
    const { best, tried } = shrunk(found, () => false, 10_000)
    expect(best).toBe(found)
    expect(tried).toBeLessThanOrEqual(2_000)
  })

  it("nothing is smaller than nothing", () => {
    expect(shrunk([], () => true)).toEqual({ best: [], tried: 0 })
  })
})

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { CliError } from "../../../src/cli/CliError.js"
import { type News, Sampler } from "../../../src/cli/ui/Sampler.js"
import type { ThreadDumps } from "../../../src/cli/Viewed.js"
import { dumpSeen, rowSeen, threadSeen, viewedAs } from "../../support/seen.js"

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A process that looks as `see` says, and what is asked of it. */
const sampled = (see: () => ReadonlyArray<ThreadDumps> = () => [threadSeen([dumpSeen([rowSeen()])])]) => {
  const log: Array<string> = []
  const state = { lives: true }
  const sampler = new Sampler({
    pid: 4711,
    every: 100,
    most: 10,
    open: async () => {
      log.push("open")
      return viewedAs(see, log)
    },
    lives: () => state.lives
  })
  return { sampler, log, state }
}

const kindsOf = (news: ReadonlyArray<News>) =>
  news.map(({ text }) => (JSON.parse(text) as { kind: string }).kind)
const listening = (sampler: Sampler) => {
  const news: Array<News> = []
  return { news, leave: sampler.listen((one) => void news.push(one)) }
}

describe("the sampling of a process", () => {
  it("looks once for all who listen, who comes later is told all first", async () => {
    const { log, sampler } = sampled()
    const one = listening(sampler)
    await vi.advanceTimersByTimeAsync(150)
    const two = listening(sampler)
    await vi.advanceTimersByTimeAsync(100)
    expect(log).toEqual(["open", "look 10", "look 10", "look 10"])
    expect(kindsOf(one.news)).toEqual(["all", "changes", "changes"])
    expect(kindsOf(two.news)).toEqual(["all", "changes"])
    await sampler.close()
  })

  it("does not look while nobody listens, and lets go of the process some seconds later", async () => {
    const { log, sampler } = sampled()
    await sampler.first(() => {})
    const one = listening(sampler)
    await vi.advanceTimersByTimeAsync(0)
    one.leave()
    await vi.advanceTimersByTimeAsync(4_000)
    expect(log).toEqual(["open", "look 10", "look 10"])
    await vi.advanceTimersByTimeAsync(2_000)
    expect(log.slice(3)).toEqual(["close"])
    // What was seen then is old.
    const two = listening(sampler)
    await vi.advanceTimersByTimeAsync(0)
    expect(log.slice(4)).toEqual(["open", "look 10"])
    expect(kindsOf(two.news)).toEqual(["all"])
    await sampler.close()
    expect(log.slice(6)).toEqual(["close"])
  })

  it("looks less and less often, until it takes a twentieth of the time of the process at most", async () => {
    const { log, sampler } = sampled(() => [
      threadSeen([dumpSeen([], { took: 10 }), dumpSeen([], { took: 6 })]),
      threadSeen([dumpSeen([], { took: 1 })], { thread: 1 })
    ])
    const { news } = listening(sampler)
    await vi.advanceTimersByTimeAsync(200 + 400 + 608 + 608)
    expect(log).toEqual(["open", ...Array.from({ length: 5 }, () => "look 10")])
    const waits = news.map(({ text }) => (JSON.parse(text) as { readonly next: number }).next)
    expect(waits).toEqual([200, 400, 608, 608, 608])
    await sampler.close()
  })

  it("says what is wrong, opens it again, and goes on from what was told", async () => {
    let fails = false
    const { log, sampler } = sampled(() => {
      if (fails) throw new CliError("it has not answered")
      return [threadSeen([dumpSeen([rowSeen()])])]
    })
    const { news } = listening(sampler)
    await vi.advanceTimersByTimeAsync(50)
    fails = true
    await vi.advanceTimersByTimeAsync(100)
    expect(JSON.parse(news[1]?.text ?? "")).toMatchObject({ kind: "trouble", text: "it has not answered" })
    const late = listening(sampler)
    fails = false
    await vi.advanceTimersByTimeAsync(1_000)
    expect(kindsOf(news)).toEqual(["all", "trouble", "changes"])
    expect(kindsOf(late.news)).toEqual(["all", "changes"])
    expect(log).toEqual(["open", "look 10", "look 10", "close", "open", "look 10"])
    await sampler.close()
  })

  it("ends with the process, whether somebody listens or not, and says so to who comes then", async () => {
    for (const some of [true, false]) {
      const { sampler, state } = sampled()
      const news = some ? listening(sampler).news : []
      await vi.advanceTimersByTimeAsync(50)
      state.lives = false
      await vi.advanceTimersByTimeAsync(600)
      await sampler.ended
      expect(kindsOf(news)).toEqual(some ? ["all", "changes", "changes", "changes", "changes", "ended"] : [])
      expect(kindsOf(listening(sampler).news)).toEqual(["ended"])
      await sampler.close()
    }
  })

  it("takes a process that has ended by a look that fails, without waiting to see it", async () => {
    const { sampler, state } = sampled(() => {
      throw new CliError("the process has ended")
    })
    state.lives = false
    const { news } = listening(sampler)
    await vi.advanceTimersByTimeAsync(1)
    expect(kindsOf(news)).toEqual(["ended"])
    await sampler.close()
  })

  it("closes what was being opened as it was closed", async () => {
    const log: Array<string> = []
    let opened: () => void = () => {}
    const sampler = new Sampler({
      pid: 1,
      every: 100,
      most: 10,
      open: async () => {
        await new Promise<void>((resolve) => (opened = resolve))
        return viewedAs(() => [], log)
      },
      lives: () => true
    })
    const { leave } = listening(sampler)
    await vi.advanceTimersByTimeAsync(0)
    const closed = sampler.close()
    leave()
    opened()
    await closed
    expect(log).toEqual(["close"])
    expect(vi.getTimerCount()).toBe(0)
  })

  it("fails at once where the first look does, or shows nothing", async () => {
    const { sampler } = sampled(() => [])
    const nothing = (): void => {
      throw new CliError("nothing is there")
    }
    await expect(sampler.first(nothing)).rejects.toThrow("nothing is there")
    await sampler.close()
    expect(vi.getTimerCount()).toBe(0)
  })
})

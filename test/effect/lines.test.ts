/** What Effect itself does differently on its two lines, without the library: the rows of docs/effect-lines.md, one by one. */
import { AsyncLocalStorage } from "node:async_hooks"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"
import * as All from "effect"
import {
  Cause,
  Chunk,
  Deferred,
  Effect,
  Either,
  Exit,
  Fiber,
  FiberRef,
  Layer,
  ManagedRuntime,
  Option,
  Stream,
  TestClock
} from "effect"
import { compiled } from "../support/compiled.js"
import { forkLater } from "../support/effect/forkLater.js"
import { effectFrom, effectPackage, line, perLine, timeoutTag } from "../support/effect/line.js"
import { readSources } from "../support/imports.js"

const root = fileURLToPath(new URL("../../", import.meta.url))

/** What is in the Cause with which an Effect ends: typed failures, and defects. */
const endOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.exit(effect), (exit) => {
    const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
    return { failures: Chunk.toArray(Cause.failures(cause)), defects: Chunk.toArray(Cause.defects(cause)) }
  })

const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

describe("the lines of Effect", () => {
  it("are those that the suite was asked to run on", () => {
    const file = join(effectFrom, "node_modules", effectPackage, "package.json")
    const { version } = JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }
    const { ModuleVersion, Version } = All as unknown as Record<
      string,
      { getCurrentVersion(): string } | undefined
    >
    expect((Version ?? ModuleVersion)?.getCurrentVersion()).toBe(version)
    expect(version).toMatch(`${line}.`)
  })

  it.live("E1 a timeout has another name", () =>
    Effect.gen(function* () {
      const ended = yield* Effect.flip(Effect.timeout(Effect.never, 1))
      expect(ended._tag).toBe(timeoutTag)
    })
  )

  it.live("E2 a defect in a cleanup makes a defect of the failure that it is beside", () =>
    Effect.gen(function* () {
      const ended = yield* endOf(Effect.ensuring(Effect.fail("failure"), Effect.die("defect")))
      expect(ended).toEqual(
        perLine("E2", {
          3: { failures: ["failure"], defects: ["defect"] },
          4: { failures: [], defects: ["failure", "defect"] }
        })
      )
    })
  )

  it.live("E3 what a child has set in its fiber-local state joins its parent", () =>
    Effect.gen(function* () {
      const ref = FiberRef.unsafeMake("first")
      yield* Fiber.join(yield* Effect.fork(FiberRef.set(ref, "set by the child")))
      expect(yield* FiberRef.get(ref)).toBe(perLine("E3", { 3: "set by the child", 4: "first" }))
    })
  )

  it.live("E4 an Option and an Either are Effects", () =>
    Effect.sync(() => {
      const are = [Option.some(1), line === 3 ? Either.right(1) : Either.left(1)].map(Effect.isEffect)
      expect(are).toEqual(perLine("E4", { 3: [true, true], 4: [false, false] }))
    })
  )

  it.live("E5 who resumes a fiber is overtaken by it", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      let resume: () => void = () => {}
      const fiber = yield* Effect.fork(
        Effect.zipRight(
          Effect.async<void>((go) => void (resume = () => go(Effect.void))),
          Effect.sync(() => log.push("fiber"))
        )
      )
      yield* Effect.promise(() => after(1))
      resume()
      log.push("who resumed it")
      yield* Fiber.join(fiber)
      expect(log).toEqual(perLine("E5", { 3: ["who resumed it", "fiber"], 4: ["fiber", "who resumed it"] }))
    })
  )

  it.live("E6 a defect in the end of a Stream that was left is dropped by operators", () =>
    Effect.gen(function* () {
      const dying = Stream.ensuring(Stream.make(1, 2, 3), Effect.die("defect"))
      const taken = Stream.take(
        Stream.flatMap(dying, (n) => Stream.make(n)),
        1
      )
      expect(yield* endOf(Stream.runDrain(taken))).toEqual({
        failures: [],
        defects: perLine("E6", { 3: [], 4: ["defect"] })
      })
    })
  )

  it("E7 the default log is logfmt, or for people", () => {
    const { stdout } = spawnSync(process.execPath, [compiled("test/fixtures/effect/log.ts")], {
      encoding: "utf8"
    })
    expect(stdout).toMatch(
      perLine("E7", {
        3: /^timestamp=\S+ level=INFO fiber=#\d+ message=hello/,
        4: /^\[[\d:.]+\] INFO \(#\d+\): hello/
      })
    )
  })

  it.effect("E8 the TestClock gives what a sleep has resumed real turns before the next one is due", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const turns = Effect.promise(async () => {
        for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
      })
      const sleeps = (ms: number, then: Effect.Effect<void>) =>
        Effect.zipRight(
          Effect.zipRight(Effect.sleep(ms), then),
          Effect.sync(() => log.push(`slept ${ms}`))
        )
      yield* Effect.fork(sleeps(1, turns))
      yield* Effect.fork(sleeps(2, Effect.void))
      yield* Effect.yieldNow()
      yield* TestClock.adjust(2)
      yield* turns
      yield* turns
      expect(log).toEqual(perLine("E8", { 3: ["slept 1", "slept 2"], 4: ["slept 2", "slept 1"] }))
    })
  )

  it.live("E9 a child begins when its parent waits for a promise, or a macrotask later", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const child = yield* forkLater(Effect.sync(() => log.push("child")))
      yield* Effect.promise(async () => {
        for (let i = 0; i < 50; i++) await null
      })
      log.push("parent")
      yield* Fiber.join(child)
      expect(log).toEqual(perLine("E9", { 3: ["child", "parent"], 4: ["parent", "child"] }))
    })
  )

  it.live("E10 a timeout in an acquire waits for what it has given up", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const opening = Effect.promise(async (signal) => {
        signal.addEventListener("abort", () => log.push("aborted"))
        await after(40)
        log.push("open")
      })
      yield* Effect.scoped(Effect.acquireRelease(Effect.exit(Effect.timeout(opening, 5)), () => Effect.void))
      log.push("over")
      yield* Effect.promise(() => after(60))
      expect(log).toEqual(perLine("E10", { 3: ["open", "over"], 4: ["aborted", "over", "open"] }))
    })
  )

  it.live("E11 dispose() of a ManagedRuntime leaves its fibers alone", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const resource = Layer.scopedDiscard(Effect.addFinalizer(() => Effect.sync(() => log.push("released"))))
      const runtime = ManagedRuntime.make(resource)
      const fiber = runtime.runFork(
        Effect.ensuring(
          Effect.never,
          Effect.sync(() => log.push("fiber ended"))
        )
      )
      yield* Effect.promise(() => after(5))
      yield* Effect.promise(() => runtime.dispose())
      yield* Fiber.interrupt(fiber)
      expect(log).toEqual(perLine("E11", { 3: ["released", "fiber ended"], 4: ["fiber ended", "released"] }))
    })
  )

  it.live("E12 a fiber goes on in the async-local state of who resumes it", () =>
    Effect.gen(function* () {
      const storage = new AsyncLocalStorage<string>()
      const gate = yield* Deferred.make<void>()
      const seen: Array<string | undefined> = []
      const waits = Effect.zipRight(
        Deferred.await(gate),
        Effect.sync(() => seen.push(storage.getStore()))
      )
      const fiber = storage.run("its own", () => Effect.runFork(waits))
      yield* Effect.promise(() => after(1))
      yield* Effect.sync(() =>
        storage.run("another's", () => Effect.runSync(Deferred.succeed(gate, undefined)))
      )
      yield* Fiber.join(fiber)
      expect(seen).toEqual(perLine("E12", { 3: ["another's"], 4: ["its own"] }))
    })
  )

  it("E13 runPromise rejects with an error of Effect's, or with the very error", async () => {
    const error = new Error("boom")
    const caught: unknown = await Effect.runPromise(Effect.fail(error)).catch((thrown: unknown) => thrown)
    expect(caught === error).toBe(perLine("E13", { 3: false, 4: true }))
  })

  it("E14 Effect.never alone keeps the process", () => {
    const { stdout } = spawnSync(process.execPath, [compiled("test/fixtures/effect/never.ts")], {
      encoding: "utf8",
      timeout: 3_000
    })
    expect(stdout).toBe(perLine("E14", { 3: "", 4: "nothing holds it\n" }))
  })

  it.live("E15 how a fiber has ended stays where it is interrupted while it waits for its children", () =>
    Effect.gen(function* () {
      const child = Effect.ensuring(
        Effect.never,
        Effect.promise(() => after(20))
      )
      const fiber = yield* Effect.fork(
        Effect.zipRight(Effect.fork(child), Effect.zipRight(Effect.yieldNow(), Effect.die("defect")))
      )
      yield* Effect.promise(() => after(5))
      yield* Fiber.interrupt(fiber)
      expect((yield* endOf(Fiber.join(fiber))).defects).toEqual(perLine("E15", { 3: ["defect"], 4: [] }))
    })
  )
})

describe("docs/effect-lines.md", () => {
  const rows = (text: string): ReadonlySet<string> =>
    new Set([...text.matchAll(/\bE\d+\b/g)].map(([row]) => row))

  it("has a row for each difference that a test tells of, and a test for each row", () => {
    const told = [...readSources(`${root}test`)].flatMap(([, text]) =>
      [...text.matchAll(/\b(?:perLine|onLine)\("(E\d+)"/g)].map(([, row]) => row as string)
    )
    const written = readFileSync(`${root}docs/effect-lines.md`, "utf8").matchAll(/^\| (E\d+) *\|/gm)
    expect([...rows(told.join(" "))].sort()).toEqual(
      [...rows([...written].map(([, row]) => row).join(" "))].sort()
    )
  })
})

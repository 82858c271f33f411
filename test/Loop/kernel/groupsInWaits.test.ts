// Shields, deadlines and groups in each other, in random trees, cancelled at random places between any two turns.
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { isCancelledError } from "../../../src/Loop/kernel/errors.js"
import type { BaseEventLoop } from "../../../src/Loop/kernel/BaseEventLoop.js"
import type { Future } from "../../../src/Loop/kernel/Future.js"
import type { Report } from "../../../src/Loop/kernel/Report.js"
import { shield } from "../../../src/Loop/kernel/shield.js"
import type { Task } from "../../../src/Loop/kernel/Task.js"
import { TaskGroup } from "../../../src/Loop/kernel/TaskGroup.js"
import { timeout, waitFor } from "../../../src/Loop/kernel/timeouts.js"
import { empty } from "../../support/closedLoops.js"
import { kinds, trackingLoop, type Script, type TrackingHost } from "../../support/trackingHost.js"

type Tree =
  | { readonly node: "leaf"; readonly ms: number; readonly end: "value" | "error" }
  | {
      readonly node: "cleanup"
      readonly ms: number
      readonly clean: number
      readonly end: "pass" | "error" | "value"
    }
  | { readonly node: "group"; readonly body: Tree; readonly children: ReadonlyArray<Tree> }
  | { readonly node: "timeout"; readonly ms: number | null; readonly body: Tree }
  | { readonly node: "waitFor"; readonly ms: number | null; readonly body: Tree }
  | { readonly node: "shield"; readonly body: Tree }

const ms = fc.nat({ max: 6 })
const limit = fc.option(ms, { nil: null, freq: 4 })
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.record({
      node: fc.constant("leaf" as const),
      ms,
      end: fc.constantFrom("value" as const, "value" as const, "error" as const)
    }),
    fc.record({
      node: fc.constant("cleanup" as const),
      ms,
      clean: ms,
      end: fc.constantFrom("pass" as const, "pass" as const, "error" as const, "value" as const)
    }),
    fc.record({
      node: fc.constant("group" as const),
      body: tie("tree"),
      children: fc.array(tie("tree"), { maxLength: 3 })
    }),
    fc.record({ node: fc.constant("timeout" as const), ms: limit, body: tie("tree") }),
    fc.record({ node: fc.constant("waitFor" as const), ms: limit, body: tie("tree") }),
    fc.record({ node: fc.constant("shield" as const), body: tie("tree") })
  )
}))
/** After so many turns of the host, the future or task of that number is cancelled. */
const cancels = fc.array(fc.record({ turn: fc.nat({ max: 40 }), on: fc.nat({ max: 30 }) }), { maxLength: 5 })

/** Nobody in the tree answers a cancel with a value. */
const honest = (tree: Tree): boolean =>
  tree.node === "leaf"
    ? true
    : tree.node === "cleanup"
      ? tree.end !== "value"
      : honest(tree.body) && (tree.node !== "group" || tree.children.every(honest))

/** What happens while a tree runs. */
class World {
  /** Everything that can be cancelled, in the order in which it was made. */
  readonly made: Array<Future<unknown>> = []
  /** What leaves have thrown. */
  readonly errors: Array<Error> = []
  /** Whose cancel was accepted. */
  readonly told = new Set<Future<unknown>>()
  readonly reports: Array<Report> = []

  constructor(
    readonly loop: BaseEventLoop,
    readonly as: <A>(script: Script<A>) => Script<A>
  ) {
    loop.setExceptionHandler((_, report) => void this.reports.push(report))
  }

  #fail(): never {
    const error = new Error(`error ${this.errors.length}`)
    this.errors.push(error)
    throw error
  }

  /** The coroutine of a tree, noting its task. */
  coroutine(tree: Tree): Script<unknown> {
    return (task) => {
      this.made.push(task)
      return this.as(() => this.script(tree))(task)
    }
  }

  *script(tree: Tree): Generator<unknown, unknown, any> {
    if (tree.node === "leaf") {
      yield this.loop.sleep(tree.ms)
      return tree.end === "value" ? "value" : this.#fail()
    }
    if (tree.node === "cleanup") {
      try {
        yield this.loop.sleep(tree.ms)
      } catch (error) {
        yield this.loop.sleep(tree.clean)
        if (tree.end === "pass") throw error
        if (tree.end === "error") this.#fail()
      }
      return "value"
    }
    const future = this.start(tree)
    this.made.push(future)
    return yield future
  }

  start(tree: Exclude<Tree, { readonly node: "leaf" | "cleanup" }>): Future<unknown> {
    switch (tree.node) {
      case "shield":
        return shield(this.coroutine(tree.body))
      case "waitFor":
        return waitFor(this.coroutine(tree.body), tree.ms)
      case "timeout":
        return timeout(tree.ms, (_, task) => this.coroutine(tree.body)(task))
      case "group":
        return TaskGroup.run((group, task) => {
          for (const child of tree.children) group.createTask(this.coroutine(child))
          return this.coroutine(tree.body)(task)
        })
    }
  }

  cancel(on: number): void {
    const future = this.made[on % this.made.length]
    if (future !== undefined && future.cancel(`cancel ${on}`)) this.told.add(future)
  }
}

/** One turn with the microtasks behind it; where the loop is idle, the clock moves to the next timer. */
const turn = async (host: TrackingHost): Promise<boolean> => {
  let any = host.turn()
  if (!any && host.armed !== undefined) {
    const { fire, when } = host.armed
    host.time = Math.max(host.time, when)
    host.armed = undefined
    fire()
    any = true
  }
  for (let i = 0; i < 12; i++) await null
  return any
}

/** The errors that leaves have thrown, out of the groups that hold them. */
const leaves = (error: unknown): ReadonlyArray<unknown> =>
  error instanceof AggregateError ? error.errors.flatMap(leaves) : [error]

const outcomeOf = (task: Task<unknown>): string =>
  task.cancelled() ? "cancelled" : task.exception() === undefined ? "value" : "error"

describe.each(kinds)("shields, deadlines and groups (%s)", (_, as) => {
  it("J4 L3 always end, lose no error and no cancel, and leave nothing on the loop", async () => {
    await fc.assert(
      fc.asyncProperty(tree, cancels, async (tree, cancels) => {
        const { loop, host } = trackingLoop()
        const world = new World(loop, as)
        const root = loop.createTask(world.coroutine(tree)) as Task<unknown>
        for (let turns = 0; ; turns++) {
          for (const { on, turn } of cancels) if (turn === turns) world.cancel(on)
          if (!(await turn(host)) && turns > 40) break
          expect(turns).toBeLessThan(5000)
        }
        expect(root.done()).toBe(true)
        expect(world.made.filter((future) => !future.done())).toHaveLength(0)
        const seen = [
          ...(outcomeOf(root) === "error" ? leaves(root.exception()) : []),
          ...world.reports.flatMap(({ exception }) => leaves(exception))
        ]
        // Every error has come out exactly once: at the root, or in a report.
        for (const error of world.errors) expect(seen.filter((other) => other === error)).toHaveLength(1)
        for (const { kind } of world.reports) expect(kind).toBe("late")
        expect(loop.statistics()).toMatchObject(empty)
        if (!honest(tree)) return
        for (const future of world.told)
          expect(future.done() && !future.cancelled() && future._peek()).not.toBe("value")
        loop.close()
      }),
      { numRuns: 400 }
    )
  })

  it("C3 all end when their loop is closed between any two turns", async () => {
    await fc.assert(
      fc.asyncProperty(tree, cancels, fc.nat({ max: 30 }), async (tree, cancels, close) => {
        const { loop, host } = trackingLoop()
        const world = new World(loop, as)
        const root = loop.createTask(world.coroutine(tree)) as Task<unknown>
        for (let turns = 0; turns < close; turns++) {
          for (const { on, turn } of cancels) if (turn === turns) world.cancel(on)
          await turn(host)
        }
        loop.close()
        await host.settle()
        expect(root.done()).toBe(true)
        // What a coroutine makes after its loop was closed is refused, or fails.
        expect(world.made.filter((future) => !future.done()).map(String)).toEqual([])
        for (const { exception } of world.reports) expect(isCancelledError(exception)).toBe(false)
        expect(loop.statistics()).toMatchObject({ ready: 0, timers: 0, tasks: 0 })
      }),
      { numRuns: 150 }
    )
  })
})

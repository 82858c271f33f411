import { describe, expectTypeOf, it } from "vitest"
import {
  type Future,
  shield,
  sleep,
  type Task,
  TaskGroup,
  timeout,
  type Timeout,
  waitFor
} from "../../src/index.js"

declare const future: Future<number>
declare const task: Task<number>
declare const promise: Promise<number>
declare const sleepy: () => Generator<Future<unknown>, number, any>

describe("sleep", () => {
  it("gives its value, or nothing", () => {
    expectTypeOf(sleep(1)).toEqualTypeOf<Future<void>>()
    expectTypeOf(sleep(1, "a")).toEqualTypeOf<Future<string>>()
    // @ts-expect-error a duration is milliseconds
    sleep("1 second")
  })
})

describe("shield and waitFor", () => {
  it("give the value of Futures, tasks, promises and coroutines of both kinds", () => {
    expectTypeOf(shield(future)).toEqualTypeOf<Future<number>>()
    expectTypeOf(shield(task)).toEqualTypeOf<Future<number>>()
    expectTypeOf(shield(promise)).toEqualTypeOf<Future<number>>()
    expectTypeOf(shield(async () => "a")).toEqualTypeOf<Future<string>>()
    expectTypeOf(shield(sleepy)).toEqualTypeOf<Future<number>>()
    expectTypeOf(waitFor(future, 1)).toEqualTypeOf<Future<number>>()
    expectTypeOf(waitFor(promise, null)).toEqualTypeOf<Future<number>>()
    expectTypeOf(waitFor(async ({ signal }) => signal.aborted, 1)).toEqualTypeOf<Future<boolean>>()
    expectTypeOf(waitFor(sleepy, Infinity, { name: "a" })).toEqualTypeOf<Future<number>>()
    expectTypeOf(shield(() => future)).toEqualTypeOf<Future<number>>()
  })

  it("refuse what cannot be awaited, and a missing limit", () => {
    // @ts-expect-error a number
    shield(42)
    // @ts-expect-error a number
    waitFor(42, 1)
    // @ts-expect-error no limit is null
    waitFor(future)
    // @ts-expect-error options are for tasks
    waitFor(future, 1, { name: "a" })
  })
})

describe("timeout and TaskGroup", () => {
  it("give the body its scope and its task, and its value to the Future", () => {
    const limited = timeout(1, async (scope, task) => {
      expectTypeOf(scope).toEqualTypeOf<Timeout>()
      expectTypeOf(scope.when()).toEqualTypeOf<number | null>()
      expectTypeOf(task).toEqualTypeOf<Task<unknown>>()
      expectTypeOf(task.signal).toEqualTypeOf<AbortSignal>()
      return "a"
    })
    expectTypeOf(limited).toEqualTypeOf<Future<string>>()
    expectTypeOf(timeout(null, sleepy)).toEqualTypeOf<Future<number>>()

    const grouped = TaskGroup.run(function* (group, task) {
      expectTypeOf(group).toEqualTypeOf<TaskGroup>()
      expectTypeOf(task).toEqualTypeOf<Task<unknown>>()
      const child = group.createTask(async () => "a")
      expectTypeOf(child).toEqualTypeOf<Task<string>>()
      return yield* child
    })
    expectTypeOf(grouped).toEqualTypeOf<Future<string>>()
  })

  it("refuse other bodies, and a group is made by run only", () => {
    // @ts-expect-error a Future goes to waitFor
    timeout(1, future)
    // @ts-expect-error a promise
    TaskGroup.run(promise)
    // @ts-expect-error the constructor is private
    new TaskGroup()
  })
})

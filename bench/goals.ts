/** The rows of the table in `docs/performance.md`: what is compared with what, and the multiple that is wanted. */

export interface Goal {
  readonly group: string
  readonly case: string
  readonly ours: string
  readonly peer: string
  readonly goal: number | undefined
}

const of =
  (group: string) =>
  (name: string, peer: string, goal: number | undefined, ours = "effect-aio"): Goal => ({
    group,
    case: name,
    ours,
    peer,
    goal
  })

const callSoon = of("callSoon")
const timers = of("timers")
const futures = of("futures")
const tasks = of("tasks")
const fromAio = of("fromAio")
const toAio = of("toAio")
const border = of("border")
const streams = of("streams")
const life = of("life")
const executors = of("executors")
const processes = of("processes")
const echo = of("echo")
const http = of("http")
const memory = of("memory")
const context = of("context")

const controller = "async function, AbortController"
const byHand = "by hand: Effect.async, aborts and waits"
const tryPromise = "Effect.tryPromise"
const withSignal = "Effect.tryPromise with signal"
const runPromise = "Runtime.runPromise"
const pulled = "by hand: Effect.promise(next)"
const child = "node:child_process"
const exec = "effect-aio, createSubprocessExec"
const inScope = "effect-aio, Loop.subprocess"

export const goals: ReadonlyArray<Goal> = [
  callSoon("batch", "setImmediate", 1.3),
  callSoon("chain", "setImmediate", 8),
  timers("schedule and run", "setTimeout", 1.1),
  timers("cancel, all at once", "setTimeout, clearTimeout", 2),
  timers("cancel, chunks of 1000", "setTimeout, clearTimeout", 3),
  futures("callback", "promise", 1),
  futures("await ready", "promise", 0.6),
  futures("await pending", "promise, setImmediate", 1.5),
  tasks("create and run", controller, 1.5),
  tasks("create and await", "async function, setImmediate", 1.5),
  tasks("cancel, all at once", controller, 5),
  tasks("cancel, one", controller, 2),
  fromAio("sequential", tryPromise, 0.6),
  fromAio("sequential", byHand, 1.2),
  fromAio("with signal, sequential", withSignal, 1.3, "effect-aio, currentSignal()"),
  fromAio("suspended, sequential", tryPromise, 1),
  fromAio("1000 concurrent", tryPromise, 1),
  fromAio("of a plain value", tryPromise, 2),
  fromAio("of a settled Future", tryPromise, 2),
  toAio("sequential", runPromise, 1.2, "effect-aio, toAio"),
  toAio("suspended, sequential", runPromise, 1.1, "effect-aio, toAio"),
  toAio("1000 concurrent", runPromise, 1, "effect-aio, toAio"),
  border("ping-pong", "Effect.tryPromise, Runtime.runPromise", 0.9),
  border(
    "cancel into promise code",
    "Effect.tryPromise with signal (does not wait)",
    1,
    "effect-aio, signal"
  ),
  border("cancel into Effect", "Runtime.runPromise with signal", 2),
  streams("async generator to Stream", "Stream.fromAsyncIterable", 3),
  streams("async generator to Stream", pulled, 0.9),
  streams("async generator to Stream, chunkSize 64", "Stream.fromAsyncIterable", 12),
  streams("async generator to Stream, chunkSize 64", pulled, 4),
  streams("Stream to async iterable, chunks of 4096", "Stream.toAsyncIterable", 15),
  streams("Stream to async iterable, chunks of 4096", "by hand: Stream.toPull, a fiber per chunk", 0.5),
  streams("Stream to async iterable, chunks of 1", "Stream.toAsyncIterable", 4),
  streams("Stream to async iterable, chunks of 1", "by hand: Stream.toPull, a fiber per chunk", 2),
  life("open and close", "FiberSet.makeRuntimePromise", 1, "effect-aio, Loop.scoped"),
  life("shutdown", "FiberSet, Effect.promise", 4, "effect-aio, tasks on a Future"),
  life(
    "shutdown",
    "FiberSet, Effect.tryPromise with signal",
    20,
    "effect-aio, tasks on a promise with signal"
  ),
  executors("one after the other", "piscina", 0.95, "effect-aio, module"),
  executors("64 at a time", "piscina", 1.5, "effect-aio, module"),
  executors("1000 at once", "piscina", 2, "effect-aio, module"),
  processes("spawn, one after the other", child, 1, exec),
  processes("spawn, one after the other", child, 0.95, inScope),
  processes("spawn from a parent of 500 MB", child, undefined, exec),
  processes("spawn from a parent of 500 MB", child, 5, `${exec}, spawnHelper`),
  processes("pipe", "node:child_process, for await", 1.3, "effect-aio, protocol"),
  processes("pipe", "node:child_process, for await", 1.1, "effect-aio, Process.stdout.read"),
  processes("pipe", "node:child_process, for await", 0.9, "effect-aio, Loop.subprocess, Stream"),
  echo("50 connections", "node:net, data and write", undefined, "effect-aio, BufferedProtocol"),
  echo("50 connections", "node:net, data and write", undefined, "effect-aio, Protocol"),
  http("hello, 50 connections", "node:http, an async function", undefined, "effect-aio, Server.handler"),
  memory("task", controller, 1),
  memory("timer", "setTimeout", 1 / 0.8),
  memory("pending fromAio", "fiber, Effect.tryPromise with signal", 2),
  context("promises", "no loop", 1 / 1.1, "effect-aio, in a task")
]

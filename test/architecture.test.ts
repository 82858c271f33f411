// Fails when the picture at the top of src/index.ts lies. The checks are in support/imports.ts and coverage.ts.
import { describe, expect, it } from "vitest"
import { barrels, cycles, nodeImports, readSources, seamNames, stairs } from "./support/imports.js"
import type { Sources } from "./support/imports.js"
import { untested } from "./support/coverage.js"

describe("architecture of src", () => {
  const src = readSources("src")

  it("imports only go downstairs or stay on the floor", () => {
    expect(stairs(src)).toEqual([])
  })

  it("files do not import each other in a circle, type-only imports aside", () => {
    expect(cycles(src)).toEqual([])
  })

  it("only the host, the capabilities and the doors of their own import node:*", () => {
    expect(nodeImports(src)).toEqual([])
  })

  it("nothing inside src imports a barrel", () => {
    expect(barrels(src)).toEqual([])
  })

  it("names that differ between Effect 3 and Effect 4 are used behind src/effect.ts only", () => {
    expect(seamNames(src)).toEqual([])
  })

  it("every source file has a test of its name, or a test of its folder that says it covers it", () => {
    expect(untested(src, readSources("test"))).toEqual([])
  })
})

describe("the architecture checks themselves, on planted files", () => {
  const plant = (files: Readonly<Record<string, string>>): Sources => new Map(Object.entries(files))

  const clean = plant({
    "src/index.ts": `export * from "./Adapter/fromAio.js"\nexport type { Future } from "./Loop/kernel/Future.js"`,
    "src/effect.ts": `import * as Effect from "effect/Effect"\nexport const callback = Effect.async`,
    "src/Adapter/fromAio.ts": `import * as Effect from "effect/Effect"\nimport { Loop } from "../Loop/Loop.js"\nimport { callback } from "../effect.js"\nimport { runTask } from "./task/runTask.js"\nimport { toThread } from "./toThread.js"\nexport const x = [Effect.void, Loop, callback, runTask, toThread]`,
    "src/Adapter/toThread.ts": `import type { Job } from "../Loop/executor/Job.js"\nexport declare const toThread: Job`,
    "src/Adapter/task/runTask.ts": `import { Loop } from "../../Loop/Loop.js"\nexport const runTask = Loop`,
    "src/Loop/Loop.ts": `import { make } from "./host/NodeHost.js"\nimport { EventLoop } from "./EventLoop.js"\nexport const Loop = [make, EventLoop]`,
    "src/Loop/EventLoop.ts": `import { EffectLoop } from "./EffectLoop.js"\nimport { Job } from "./executor/Job.js"\nimport { Pipe } from "./process/Pipe.js"\nexport const EventLoop = [EffectLoop, Job, Pipe]`,
    "src/Loop/EffectLoop.ts": `import { Future } from "./kernel/Future.js"\nimport { close } from "./closing/Shutdown.js"\nimport type { Loop } from "./Loop.js"\nexport const EffectLoop: Loop = [Future, close]`,
    "src/Loop/ports.ts": `import type { Future } from "./kernel/Future.js"\nexport type Home = Future`,
    "src/Loop/host/NodeHost.ts": `import { setTimeout } from "node:timers"\nexport const make = setTimeout`,
    "src/Loop/fiber/Wait.ts": `import { make } from "../host/NodeHost.js"\nexport const wait = make`,
    "src/Loop/closing/Shutdown.ts": `import { wait } from "../fiber/Wait.js"\nimport type { Home } from "../ports.js"\nexport const close = (home: Home) => wait(home)`,
    "src/Loop/inspect/Tree.ts": `import { close } from "../closing/Shutdown.js"\nexport const tree = close`,
    "src/Loop/executor/Job.ts": `import { close } from "../closing/Shutdown.js"\nimport { Worker } from "node:worker_threads"\nexport const load = () => import("piscina")\nexport const Job = [close, Worker]`,
    "src/Loop/stream/Transport.ts": `import type { Socket } from "node:net"\nexport type Transport = Socket`,
    "src/Loop/process/Pipe.ts": `import type { Transport } from "../stream/Transport.js"\nexport declare const Pipe: Transport`,
    "src/Loop/network/Server.ts": `import type { Transport } from "../stream/Transport.js"\nexport type Server = Transport`,
    "src/Loop/server/Net.ts": `import type { Server } from "../network/Server.js"\nexport type Net = Server`,
    "src/Loop/kernel/Future.ts": `import type { Task } from "./Task.js"\nexport class Future { task?: Task }`,
    "src/Loop/kernel/Task.ts": `import { Future } from "./Future.js"\nexport class Task extends Future {}`,
    "src/platform/Worker.ts": `import { Worker } from "@effect/platform"\nimport { fromAio } from "../Adapter/fromAio.js"\nexport const x = [Worker, fromAio]`,
    "src/testing/leaks.ts": `import { Loop } from "../Loop/Loop.js"\nexport const leaks = Loop`,
    "src/cli/ps.ts": `import { tree } from "../Loop/inspect/Tree.js"\nexport const ps = tree`
  })

  it("a tree that keeps all the rules passes", () => {
    const all = [stairs, cycles, nodeImports, barrels, seamNames].flatMap((check) => check(clean))
    expect(all).toEqual([])
  })

  it("an import that goes upstairs is found, however it is written", () => {
    const files = plant({
      "src/Loop/kernel/Task.ts": [
        `import { Loop } from "../Loop.js"`,
        `import type { Adapter } from "../../Adapter/fromAio.js"`,
        `export { Loop } from "../Loop.js"`,
        `export const later = () => import("../Loop.js")`,
        `export type T = import("../Loop.js").Loop`,
        `import * as Effect from "effect/Effect"`
      ].join("\n"),
      "src/Loop/Loop.ts": `import { fromAio } from "../Adapter/fromAio.js"`,
      "src/Adapter/fromAio.ts": `import { x } from "@effect/platform"`,
      "src/effect.ts": `import { Loop } from "./Loop/Loop.js"`
    })
    expect(stairs(files)).toEqual([
      "src/Loop/kernel/Task.ts:1 imports src/Loop/Loop.ts: kernel may not go up to Loop",
      "src/Loop/kernel/Task.ts:2 imports src/Adapter/fromAio.ts: kernel may not go up to Adapter",
      "src/Loop/kernel/Task.ts:3 imports src/Loop/Loop.ts: kernel may not go up to Loop",
      "src/Loop/kernel/Task.ts:4 imports src/Loop/Loop.ts: kernel may not go up to Loop",
      "src/Loop/kernel/Task.ts:5 imports src/Loop/Loop.ts: kernel may not go up to Loop",
      "src/Loop/kernel/Task.ts:6 imports effect/Effect, which kernel may not",
      "src/Loop/Loop.ts:1 imports src/Adapter/fromAio.ts: Loop may not go up to Adapter",
      "src/Adapter/fromAio.ts:1 imports @effect/platform, which Adapter may not",
      "src/effect.ts:1 imports src/Loop/Loop.ts: seam may not go up to Loop"
    ])
  })

  it("an import that goes up the inner stairs of the loop is found, a type too", () => {
    const files = plant({
      "src/Loop/ports.ts": `import type { EffectLoop } from "./EffectLoop.js"`,
      "src/Loop/host/NodeHost.ts": `import { wait } from "../fiber/Wait.js"`,
      "src/Loop/fiber/Wait.ts": `import { origin } from "../closing/origin.js"`,
      "src/Loop/closing/origin.ts": `import { tree } from "../inspect/Tree.js"\nimport { readSync } from "node:fs"`,
      "src/Loop/inspect/Tree.ts": `import { Signals } from "../signals/Signals.js"`,
      "src/Loop/signals/Signals.ts": [
        `import type { EffectLoop } from "../EffectLoop.js"`,
        `import type { EventLoop } from "../EventLoop.js"`,
        `import { Loop } from "../Loop.js"`,
        `import { Process } from "../process/Process.js"`
      ].join("\n"),
      "src/Loop/process/Process.ts": `import { serve } from "../server/serve.js"`,
      "src/Loop/server/serve.ts": `import { koffi } from "koffi"`,
      "src/Loop/EffectLoop.ts": [
        `import { type Loop } from "./Loop.js"`,
        `import { EventLoop } from "./EventLoop.js"`,
        `import { Signals } from "./signals/Signals.js"`
      ].join("\n"),
      "src/Loop/EventLoop.ts": `import { Loop } from "./Loop.js"`,
      "src/Loop/Loop.ts": `import { performance } from "node:perf_hooks"`
    })
    expect(stairs(files)).toEqual([
      "src/Loop/ports.ts:1 imports src/Loop/EffectLoop.ts: ground may not go up to EffectLoop",
      "src/Loop/host/NodeHost.ts:1 imports src/Loop/fiber/Wait.ts: host may not go up to fiber",
      "src/Loop/fiber/Wait.ts:1 imports src/Loop/closing/origin.ts: fiber may not go up to closing",
      "src/Loop/closing/origin.ts:1 imports src/Loop/inspect/Tree.ts: closing may not go up to inspect",
      "src/Loop/closing/origin.ts:2 imports node:fs, which closing may not",
      "src/Loop/inspect/Tree.ts:1 imports src/Loop/signals/Signals.ts: inspect may not go up to signals",
      "src/Loop/signals/Signals.ts:1 imports src/Loop/EffectLoop.ts: signals may not go up to EffectLoop",
      "src/Loop/signals/Signals.ts:2 imports src/Loop/EventLoop.ts: signals may not go up to EventLoop",
      "src/Loop/signals/Signals.ts:3 imports src/Loop/Loop.ts: signals may not go up to Loop",
      "src/Loop/signals/Signals.ts:4 imports src/Loop/process/Process.ts: signals may not go up to process",
      "src/Loop/process/Process.ts:1 imports src/Loop/server/serve.ts: process may not go up to server",
      "src/Loop/server/serve.ts:1 imports koffi, which server may not",
      "src/Loop/EffectLoop.ts:1 imports src/Loop/Loop.ts: EffectLoop may not go up to Loop",
      "src/Loop/EffectLoop.ts:2 imports src/Loop/EventLoop.ts: EffectLoop may not go up to EventLoop",
      "src/Loop/EffectLoop.ts:3 imports src/Loop/signals/Signals.ts: EffectLoop may not go up to signals",
      "src/Loop/EventLoop.ts:1 imports src/Loop/Loop.ts: EventLoop may not go up to Loop",
      "src/Loop/Loop.ts:1 imports node:perf_hooks, which Loop may not"
    ])
  })

  it("machinery of the border that imports an operation is found, and whoever imports a door of its own", () => {
    const files = plant({
      "src/Adapter/fromAio.ts": `import { leaks } from "../testing/leaks.js"`,
      "src/Adapter/task/runTask.ts": `import type { FromAio } from "../fromAio.js"`,
      "src/index.ts": `export { Worker } from "./platform/Worker.js"`,
      "src/platform/Worker.ts": `import { ps } from "../cli/ps.js"`,
      "src/testing/leaks.ts": `import { Worker } from "../platform/Worker.js"`,
      "src/cli/ps.ts": `import { leaks } from "../testing/leaks.js"`
    })
    expect(stairs(files)).toEqual([
      "src/Adapter/fromAio.ts:1 imports src/testing/leaks.ts: Adapter may not go up to testing",
      "src/Adapter/task/runTask.ts:1 imports src/Adapter/fromAio.ts: Adapter machinery may not go up to Adapter",
      "src/index.ts:1 imports src/platform/Worker.ts: door may not go up to platform",
      "src/platform/Worker.ts:1 imports src/cli/ps.ts: platform may not go up to cli",
      "src/testing/leaks.ts:1 imports src/platform/Worker.ts: testing may not go up to platform",
      "src/cli/ps.ts:1 imports src/testing/leaks.ts: cli may not go up to testing"
    ])
  })

  it("a file outside the rooms and a path that means no file are found", () => {
    const files = plant({
      "src/helpers.ts": "",
      "src/Loop/Signals.ts": "",
      "src/Loop/misc/tools.ts": "",
      "src/Loop/Loop.ts": `import "./Readers"`
    })
    expect(stairs(files)).toEqual([
      "src/helpers.ts stands in no room",
      "src/Loop/Signals.ts stands in no room",
      "src/Loop/misc/tools.ts stands in no room",
      "src/Loop/Loop.ts:1 imports ./Readers, which is no .ts file of src (paths end in .js)"
    ])
  })

  it("a circle of run-time imports is found once, also through import()", () => {
    const files = plant({
      "src/Loop/B.ts": `import "./C.js"`,
      "src/Loop/A.ts": `import { type B } from "./B.js"`,
      "src/Loop/C.ts": `export const a = () => import("./A.js")`
    })
    expect(cycles(files)).toEqual(["src/Loop/A.ts -> src/Loop/B.ts -> src/Loop/C.ts -> src/Loop/A.ts"])
  })

  it("node:* outside the host and the capabilities is found, and so is a built-in without its prefix", () => {
    const files = plant({
      "src/Loop/kernel/Timers.ts": `import type { Socket } from "node:net"`,
      "src/Loop/Loop.ts": `import * as net from "node:net"`,
      "src/Adapter/toAio.ts": `import { AsyncLocalStorage } from "node:async_hooks"`,
      "src/Adapter/task/join.ts": `import { performance } from "node:perf_hooks"`,
      "src/Loop/signals/Signals.ts": `import process from "process"`
    })
    expect(nodeImports(files)).toEqual([
      "src/Loop/kernel/Timers.ts:1 imports node:net; kernel may not use Node, the host and the capabilities do",
      "src/Loop/Loop.ts:1 imports node:net; Loop may not use Node, the host and the capabilities do",
      "src/Adapter/toAio.ts:1 imports node:async_hooks; Adapter may not use Node, the host and the capabilities do",
      "src/Adapter/task/join.ts:1 imports node:perf_hooks; Adapter machinery may not use Node, the host and the capabilities do",
      "src/Loop/signals/Signals.ts:1 imports process; write node:process"
    ])
  })

  it("an import of a barrel or of the package itself is found", () => {
    const files = plant({
      "src/Adapter/toAio.ts": `import { a } from "../index.js"\nimport { b } from ".."\nimport { c } from "effect-aio"`
    })
    expect(barrels(files)).toEqual([
      "src/Adapter/toAio.ts:1 imports the barrel or folder ../index.js",
      "src/Adapter/toAio.ts:2 imports the barrel or folder ..",
      "src/Adapter/toAio.ts:3 imports the package by its own name, effect-aio"
    ])
  })

  it("a file without a test is found, and so is what a test says it covers and what is not there", () => {
    const files = plant({
      "src/Loop/Loop.ts": "export const Loop = 1",
      "src/Loop/thread/Asks.ts": "export class Asks {}",
      "src/Loop/thread/jobs.mjs": "export const jobs = 1",
      "src/Loop/kernel/current.ts": "export const current = 1",
      "src/Loop/kernel/ports.ts": `import type { Task } from "./Task.js"\nexport interface Host { task: Task }`,
      "src/Loop/current.ts": "export const current = 2",
      "src/Adapter/toAio.ts": "export const toAio = 1"
    })
    const none = "has no test of its name, and no test of its folder says that it covers it"
    const above = plant({
      "test/Loop/Loop.test.ts": "// The loop.\n// Covers: Loop, thread/Asks, kernel/current\nimport 1",
      "test/Loop/thread/Threads.test.ts": "/**\n * Threads.\n * Covers: jobs\n */\nimport 1",
      "test/Loop/current.test.ts": "",
      "test/Adapter/toAio.test.ts": ""
    })
    expect(untested(files, above)).toEqual([])
    const beside = plant({
      "test/Loop/Loop.test.ts": "// Covers: current, Gone\nimport 1",
      "test/Loop/thread/Threads.test.ts": "import 1\n// Covers: Asks, jobs\n",
      "test/Loop/thread/toAio.test.ts": "// Covers: toAio",
      "test/support/current.ts": "// Covers: Asks"
    })
    expect(untested(files, beside)).toEqual([
      "test/Loop/Loop.test.ts says that it covers current, which is more than one file of src/Loop",
      "test/Loop/Loop.test.ts says that it covers Gone, which is no file of src/Loop",
      "test/Loop/thread/toAio.test.ts says that it covers toAio, which is no file of src/Loop/thread",
      ...["thread/Asks.ts", "thread/jobs.mjs", "kernel/current.ts", "current.ts"].map(
        (file) => `src/Loop/${file} ${none}`
      ),
      `src/Adapter/toAio.ts ${none}`
    ])
  })

  it("a name that differs in Effect 4 is found under any spelling, and not in comments, strings or the seam", () => {
    const bad = [
      `import { Effect as E, FiberRef } from "effect"`,
      `import * as Context from "effect/Context"`,
      `import { getCurrentFiber } from "effect/Fiber"`,
      `import type * as Fiber from "effect/Fiber"`,
      `// Effect.async is only a word here, and "Effect.fork" too`,
      `export const a = E.async(() => {})`,
      `export const b = E.succeed("E.catchAll(x)")`,
      `export class Tag extends Context.Tag("t")<Tag, 1>() {}`,
      `export const c = (fiber: Fiber.RuntimeFiber<void>) => fiber.unsafeInterruptAsFork(fiber.id())`
    ].join("\n")
    const differs = "which differs in Effect 4; take it from the seam"
    expect(seamNames(plant({ "src/Adapter/toAio.ts": bad, "src/effect.ts": bad }))).toEqual([
      `src/Adapter/toAio.ts:1 uses FiberRef, ${differs}`,
      `src/Adapter/toAio.ts:3 uses Fiber.getCurrentFiber, ${differs}`,
      `src/Adapter/toAio.ts:6 uses Effect.async, ${differs}`,
      `src/Adapter/toAio.ts:8 uses Context.Tag, ${differs}`,
      `src/Adapter/toAio.ts:9 uses Fiber.RuntimeFiber, ${differs}`,
      `src/Adapter/toAio.ts:9 uses .unsafeInterruptAsFork, ${differs}`
    ])
  })
})

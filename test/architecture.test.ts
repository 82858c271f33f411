// Fails when the picture at the top of src/index.ts lies. The checks are in support/imports.ts.
import { describe, expect, it } from "vitest"
import { barrels, cycles, nodeImports, readSources, seamNames, stairs } from "./support/imports.js"
import type { Sources } from "./support/imports.js"

describe("architecture of src", () => {
  const src = readSources("src")

  it("imports only go downstairs or stay on the floor", () => {
    expect(stairs(src)).toEqual([])
  })

  it("files do not import each other in a circle, type-only imports aside", () => {
    expect(cycles(src)).toEqual([])
  })

  it("only the host and the capability files of src/Loop import node:*", () => {
    expect(nodeImports(src)).toEqual([])
  })

  it("nothing inside src imports a barrel", () => {
    expect(barrels(src)).toEqual([])
  })

  it("names that differ between Effect 3 and Effect 4 are used in src/effect.ts only", () => {
    expect(seamNames(src)).toEqual([])
  })
})

describe("the architecture checks themselves, on planted files", () => {
  const plant = (files: Readonly<Record<string, string>>): Sources => new Map(Object.entries(files))

  const clean = plant({
    "src/index.ts": `export * from "./Adapter/fromAio.js"\nexport type { Future } from "./Loop/kernel/Future.js"`,
    "src/effect.ts": `import * as Effect from "effect/Effect"\nexport const callback = Effect.async`,
    "src/Adapter/fromAio.ts": `import * as Effect from "effect/Effect"\nimport { Loop } from "../Loop/Loop.js"\nimport { callback } from "../effect.js"\nexport const x = [Effect.void, Loop, callback]`,
    "src/Loop/Loop.ts": `import { make } from "./NodeHost.js"\nimport { Future } from "./kernel/Future.js"\nexport const Loop = [make, Future]`,
    "src/Loop/NodeHost.ts": `import { setTimeout } from "node:timers"\nexport const make = setTimeout`,
    "src/Loop/kernel/Future.ts": `import type { Task } from "./Task.js"\nexport class Future { task?: Task }`,
    "src/Loop/kernel/Task.ts": `import { Future } from "./Future.js"\nexport class Task extends Future {}`
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

  it("a file outside the rooms and a path that means no file are found", () => {
    const files = plant({ "src/helpers.ts": "", "src/Loop/Loop.ts": `import "./Readers"` })
    expect(stairs(files)).toEqual([
      "src/helpers.ts stands in no room",
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

  it("node:* outside the capability files is found, and so is a built-in without its prefix", () => {
    const files = plant({
      "src/Loop/kernel/Timers.ts": `import type { Socket } from "node:net"`,
      "src/Loop/Loop.ts": `import * as net from "node:net"`,
      "src/Adapter/toAio.ts": `import { AsyncLocalStorage } from "node:async_hooks"`,
      "src/Loop/Signals.ts": `import process from "process"`
    })
    expect(nodeImports(files)).toEqual([
      "src/Loop/kernel/Timers.ts:1 imports node:net; only files of src/Loop may use node:*",
      "src/Loop/Loop.ts:1 imports node:net; Loop.ts composes, the host and the capabilities use Node",
      "src/Adapter/toAio.ts:1 imports node:async_hooks; only files of src/Loop may use node:*",
      "src/Loop/Signals.ts:1 imports process; write node:process"
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

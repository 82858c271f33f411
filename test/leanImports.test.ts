// What an import of the library loads, and in which way.
import { execFile } from "node:child_process"
import { pathToFileURL } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { leanImports } from "../scripts/leanImports.mjs"
import { compiled } from "./support/compiled.js"

describe("leanImports", () => {
  it.each([
    [`import { a, b as c } from "node:fs";`, `const { a, b: c } = process.getBuiltinModule("node:fs");`],
    [`import * as net from "node:net";`, `const net = process.getBuiltinModule("node:net");`],
    [`import dgram from "node:dgram";`, `const dgram = process.getBuiltinModule("node:dgram");`],
    [
      `import {\n  a as b,\n  c\n} from "node:net";`,
      `const {\n  a: b,\n  c\n} = process.getBuiltinModule("node:net");`
    ],
    [`import * as Effect from "effect/Effect";`, `import { Effect } from "effect";`],
    [`import * as Effect2 from "effect/Effect";`, `import { Effect as Effect2 } from "effect";`]
  ])("writes %j as %j", (before, after) => {
    expect(leanImports(`a();\n${before}\nb();`)).toBe(`a();\n${after}\nb();`)
  })

  it.each([
    ` * import { createServer } from "node:http"`,
    `import * as All from "effect";`,
    `import * as Worker from "effect/workers/Worker";`,
    // A folder of modules, which "effect" does not have.
    `import * as Processes from "effect/process";`,
    `import { createTag } from "effect/Context";`,
    `import { a } from "./chunk.js";`
  ])("leaves %j", (line) => {
    expect(leanImports(line)).toBe(line)
  })
})

describe("an import of the library", () => {
  it("loads neither TLS nor HTTP: who uses them does", async () => {
    const program = `
      await import(${JSON.stringify(pathToFileURL(compiled("src/index.ts")).href)})
      const heavy = ["tls", "http", "https", "http2", "crypto"].map((name) => "NativeModule " + name)
      console.log(JSON.stringify(process.moduleLoadList.filter((name) => heavy.includes(name))))`
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program])
    expect(JSON.parse(stdout)).toEqual([])
  })
})

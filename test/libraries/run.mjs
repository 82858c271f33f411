/**
 * The matrix: real libraries, against real servers, each as its users use it, each stopped in the middle of its work by
 * SIGTERM, by two of them, by the death of its peer, and by a timeout.
 *
 * [--write | --check] [NAME...]: prints the table; `--write` puts it and the recipes into docs/libraries.md (where NAMEs are
 * given, the other rows stay as they are), `--check` fails where the recipes there are not those of the programs. Exits with 1
 * where a bar is missed.
 */
import { spawn } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { libraries } from "./libraries.mjs"
import { peers } from "./servers.mjs"

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
/** start.mjs runs this in the folder of the project, and has put the file where the libraries are. */
const page = join(process.cwd(), "docs/libraries.md")

/** How long a program may take to end when it is told to, beside what its own work may take. */
const STOP = 1_000
/** How late a call may come back from its timeout. */
const LATE = 100
/** A program that has not ended by then is killed. */
const LIMIT = 30_000

const start = (file, peer, mode) => {
  const child = spawn(process.execPath, [here(`programs/${file}.mjs`)], {
    env: { ...process.env, PEER: peer.url, MODE: mode },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const run = { child, output: "", since: 0 }
  const listeners = new Set()
  const hear = (data) => {
    run.output += data
    for (const listener of listeners) listener()
  }
  child.stdout.setEncoding("utf8").on("data", hear)
  child.stderr.setEncoding("utf8").on("data", hear)
  const kill = setTimeout(() => child.kill("SIGKILL"), LIMIT)
  run.ended = new Promise((resolve) =>
    child.once("close", (code, signal) => {
      clearTimeout(kill)
      resolve({ code: code ?? signal, ms: Math.round(performance.now() - run.since), output: run.output })
    })
  )
  run.prints = (pattern) =>
    new Promise((resolve, reject) => {
      const look = () => pattern.test(run.output) && resolve(undefined)
      listeners.add(look)
      look()
      void run.ended.then(() => reject(new Error(`it ended before it was at work:\n${run.output}`)))
    })
  return run
}

const count = (output, word) => output.split(`${word}\n`).length - 1

/** What a consumer says of its messages: how many it had begun when it was told to stop, and how many of all it did not finish. */
const messages = (before, output) => {
  const begun = count(output, "begun")
  return begun === 0
    ? {}
    : { inFlight: count(before, "begun") - count(before, "finished"), cut: begun - count(output, "finished") }
}

const stop = async (file, peer, ...rest) => {
  const run = start(file, peer, "work")
  await run.prints(/ready|listening/)
  const beside = rest.length > 0 ? await rest[0](run) : undefined
  run.since = performance.now()
  const before = run.output
  run.child.kill("SIGTERM")
  const ended = await run.ended
  return { ...ended, ...messages(before, ended.output), ...(await beside?.()) }
}

const twice = async (file, peer) => {
  const run = start(file, peer, "work")
  await run.prints(/ready|listening/)
  run.since = performance.now()
  run.child.kill("SIGTERM")
  // Within 200 ms they count as one.
  setTimeout(() => run.child.kill("SIGTERM"), 250)
  return run.ended
}

const peerDead = async (file, peer) => {
  const run = start(file, peer, "work")
  await run.prints(/ready/)
  run.since = performance.now()
  await peer.kill("SIGKILL")
  // A program that lives on without its peer is told to stop.
  const term = setTimeout(() => {
    run.since = performance.now()
    run.child.kill("SIGTERM")
  }, 2_000)
  const ended = await run.ended
  clearTimeout(term)
  return ended
}

const timeout = async (file, peer) => {
  const run = start(file, peer, "timeout")
  await run.prints(/late/)
  run.since = performance.now()
  // What a library keeps the process alive with, is not what is measured here.
  setTimeout(() => run.child.kill("SIGTERM"), 500)
  const ended = await run.ended
  return { ...ended, late: Number(/late (-?\d+)/.exec(ended.output)?.[1] ?? NaN) }
}

const NOISE = /level=(ERROR|FATAL)|left over on|Error: |at .*\/dist\//

/** The broker takes seconds to start: it does so while others are measured. */
const early = new Map()

const begin = (peer) => {
  const starting = early.get(peer) ?? peers[peer]()
  early.delete(peer)
  return starting
}

const measure = async ({ beside, grace = 0, name, peer, ...tried }) => {
  const row = { name, missed: [] }
  const miss = (what, { output }) => row.missed.push(`${what}\n${output.trim()}`)
  const server = await begin(peer)
  if (server === undefined) return { ...row, absent: true }
  const file = tried.file ?? name
  try {
    row.stop = await stop(file, server, ...(beside ? [beside] : []))
    if (row.stop.code !== 143) miss(`stop: exit ${row.stop.code}`, row.stop)
    else if (row.stop.ms > STOP + grace) miss(`stop: ${row.stop.ms} ms`, row.stop)
    else if (NOISE.test(row.stop.output)) miss("stop: says something", row.stop)
    if (row.stop.cut) miss(`stop: ${row.stop.cut} cut`, row.stop)
    row.twice = await twice(file, server)
    if (row.twice.code !== 143) miss(`twice: exit ${row.twice.code}`, row.twice)
    else if (row.twice.ms > STOP + grace) miss(`twice: ${row.twice.ms} ms`, row.twice)
    if (tried.timeout !== false) {
      row.timeout = await timeout(file, server)
      if (!(row.timeout.late <= LATE + grace)) miss(`timeout: ${row.timeout.late} ms late`, row.timeout)
    }
    if (peer !== "none") {
      row.dead = await peerDead(file, server)
      if (![1, 143].includes(row.dead.code)) miss(`peer dead: exit ${row.dead.code}`, row.dead)
      else if (row.dead.ms > STOP + grace + 1_000) miss(`peer dead: ${row.dead.ms} ms`, row.dead)
    }
  } catch (error) {
    row.missed.push(String(error))
  } finally {
    await server.kill()
  }
  return row
}

const versionOf = (name) =>
  JSON.parse(readFileSync(here(`node_modules/${name}/package.json`), "utf8")).version

const titleOf = (library) =>
  library.package === undefined ? library.title : `${library.package} ${versionOf(library.package)}`

const cell = (run) => (run === undefined ? "" : `${run.ms} ms, ${run.code}`)
const cells = (library, row) =>
  row.absent
    ? [titleOf(library), "not here", "", "", ""]
    : [
        titleOf(library),
        cell(row.stop) + (row.stop?.cut === undefined ? "" : `, ${row.stop.cut} of ${row.stop.inFlight} cut`),
        cell(row.twice),
        cell(row.dead),
        row.timeout === undefined ? "" : `${row.timeout.late} ms late`
      ]

const HEAD = ["library", "SIGTERM in mid-work", "SIGTERM twice", "peer killed", "`Effect.timeout`"]
const line = (row) => `| ${row.join(" | ")} |`

const recipeOf = ({ file, name }) => {
  const text = readFileSync(here(`programs/${file ?? name}.mjs`), "utf8")
  const [, said, code] = /\/\/ recipe: (.*)\n([\s\S]*?)\/\/ end\n/.exec(text)
  if (code.trim().split("\n").length > 10) throw new Error(`the recipe of ${name} has more than ten lines`)
  return { said, code: code.trimEnd() }
}

const recipes = () =>
  libraries
    .map((library) => {
      const { code, said } = recipeOf(library)
      return `### ${library.package ?? library.title}\n\n${said[0].toUpperCase()}${said.slice(1)}.\n\n\`\`\`js\n${code}\n\`\`\`\n`
    })
    .join("\n")

const BEGIN = "## Recipes\n\n"

/** What the work of a program may take, beside the second. */
const given = () =>
  libraries
    .filter(({ grace }) => grace !== undefined)
    .map((library) => `${library.package ?? library.title} ${library.grace} ms`)
    .join(", ")

/** The cells of a library that was not measured now: those of the page, where it is there at this version. */
const writtenCells = (library) => {
  const lines = existsSync(page) ? readFileSync(page, "utf8").split("\n") : []
  const rows = lines.map((text) => text.split("|").map((cell) => cell.trim()))
  const [, ...cells] = rows.find(([, title]) => title === titleOf(library)) ?? []
  return cells.length > 0 ? cells.slice(0, HEAD.length) : [titleOf(library), "not measured", "", "", ""]
}

const write = (measured) => {
  const rows = libraries.map((library) => {
    const row = measured.get(library)
    return row === undefined ? writtenCells(library) : cells(library, row)
  })
  const table = [HEAD, HEAD.map(() => "---"), ...rows].map(line).join("\n")
  writeFileSync(
    page,
    `# Libraries\n\nWritten by \`npm run libraries -- --write\`: real libraries against real servers, each stopped in the middle of its ` +
      `work. A cell has\nthe milliseconds from the signal, or from the death of the peer, to the exit, and the exit code: 143 is that of ` +
      `SIGTERM, 1 that\nof a typed failure of the call. A program that lives on without its peer is told to stop after two seconds, and ` +
      `measured from\nthere. Bars: a program that is told to stop has ended within a second, beside the time that is given to its work; ` +
      `a call comes\nback from its timeout within 100 ms. Given\nto the work: ${given()}. Node ${process.version}, ` +
      `${new Date().toISOString().slice(0, 10)}, two cores. mongodb is not among them: Debian has no server for it, and the ` +
      `packages of npm that start one fetch it from elsewhere.\n\n${table}\n\n${BEGIN}` +
      `Each is a part of a program in \`test/libraries/programs\`, which is what the table was measured with.\n\n${recipes()}`
  )
}

const args = process.argv.slice(2)
const names = args.filter((arg) => !arg.startsWith("--"))
if (args.includes("--check")) {
  const written = existsSync(page) ? readFileSync(page, "utf8") : ""
  const squeeze = (text) => text.replace(/\s+/g, " ")
  if (!squeeze(written).includes(squeeze(recipes()))) {
    console.error("docs/libraries.md has other recipes than the programs: npm run libraries -- --write")
    process.exit(1)
  }
}
/** A busy machine may be late by itself: a bar is missed when it is missed three times. */
const keeps = async (library) => {
  let row
  for (let left = 3; left > 0 && (row === undefined || row.missed.length > 0); left--)
    row = await measure(library)
  return row
}

const chosen = libraries.filter(({ name }) => names.length === 0 || names.includes(name))
if (chosen.some(({ peer }) => peer === "rabbitmq")) {
  const starting = peers.rabbitmq()
  // Where that fails before anybody waits for it, whoever does is told.
  starting.catch(() => {})
  early.set("rabbitmq", starting)
}

const rows = new Map()
let failed = 0
console.log(line(HEAD))
for (const library of chosen) {
  const row = await keeps(library)
  rows.set(library, row)
  console.log(line(cells(library, row)))
  for (const missed of row.missed) console.log(`    MISSED ${missed.replaceAll("\n", "\n      ")}`)
  if (row.missed.length > 0) failed++
}
console.log(`${rows.size - failed} of ${rows.size} libraries keep their bars`)
if (args.includes("--write")) write(rows)
process.exitCode = failed > 0 ? 1 : 0

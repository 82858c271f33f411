// `effect-aio ps` on processes of their own, which were not prepared for it.
// Covers: Session, Inspected, Workers, Connected, Viewed, view, remote, evaluate, busy, print
import { execFile, spawn } from "node:child_process"
import { describe, expect, it } from "vitest"
import { compiled } from "../support/compiled.js"
import { programsOf, TIMEOUT } from "../support/programs.js"

const start = programsOf("test/fixtures/hanging.ts")

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const cli = (...args: ReadonlyArray<string>): Promise<Ran> =>
  new Promise((resolve) => {
    execFile(process.execPath, [compiled("src/cli/main.ts"), ...args], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    )
  })

/** Any port will do: 9229 may be somebody else's. */
const env = { NODE_OPTIONS: "--inspect-port=0" }

/** A program that hangs, while it does. By SIGTERM it closes, and what it has started ends with it. */
const hanging = async <A>(
  program: string,
  use: (pid: string) => Promise<A>,
  signal: NodeJS.Signals = "SIGTERM",
  begun = "ready"
): Promise<A> => {
  const running = start(program, { env })
  await running.until(begun)
  try {
    return await use(String(running.pid))
  } finally {
    running.kill(signal)
    await running.ended
  }
}

const listens = (port: string): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/json/version`).then(
    () => true,
    () => false
  )

describe("effect-aio ps", () => {
  it.each([
    ["promise", [/^task +query .*a foreign promise/m, /^fiber +#\d+, in span load users .*task query/m]],
    ["circle", [/they wait for each other, for ever: task half 0 -> task half 1 -> task half 0/]],
    ["request", [/^task +GET \/users .*a foreign promise/m, /Node is kept by: .*TCPSocketWrap/]],
    ["child", [/^process +pid \d+: sleep .*its exit/m, /in span sleeps/]],
    ["job", [/^job +spin .*running/m, /^task +sums up /m]]
  ])(
    "names from outside why a program hangs: %s",
    (program, patterns) =>
      hanging(program, async (pid) => {
        const { code, stderr, stdout } = await cli("ps", pid)
        expect(stderr).toBe("")
        expect(code).toBe(0)
        expect(stdout).toMatch(new RegExp(`^pid ${pid}: 1 loop\n\nloop-1: running, `))
        for (const pattern of patterns) expect(stdout).toMatch(pattern)
      }),
    TIMEOUT
  )

  it(
    "shows the loops of all threads, and each form of them, again and again",
    () =>
      hanging("thread", async (pid) => {
        const table = await cli("ps", pid)
        expect(table.stdout).toMatch(new RegExp(`thread \\d+ of pid ${pid}: 1 loop`))
        expect(table.stdout).toMatch(/^task +in a thread /m)
        const tree = await cli("ps", pid, "--tree")
        expect(tree.stdout).toMatch(/└─ task in a thread \(pending, /)
        const graph = await cli("ps", pid, "--mermaid")
        expect(graph.stdout.match(/^flowchart LR$/gm)).toHaveLength(2)
        const json = JSON.parse((await cli("ps", pid, "--json", "--rows", "1")).stdout) as {
          readonly pid: number
          readonly threads: ReadonlyArray<{
            readonly dumps: ReadonlyArray<{ rows: Array<object>; more: number }>
          }>
        }
        expect(json.pid).toBe(Number(pid))
        const [, worker] = json.threads.filter(({ dumps }) => dumps.length > 0)
        expect(worker?.dumps[0]?.rows).toHaveLength(1)
        expect(worker?.dumps[0]?.more).toBeGreaterThan(0)
      }),
    TIMEOUT
  )

  it(
    "says where a program is that gives Node no turn, and leaves it there",
    () =>
      hanging(
        "spin",
        async (pid) => {
          for (let i = 0; i < 2; i++) {
            const { code, stdout } = await cli("ps", pid)
            expect(code).toBe(0)
            expect(stdout).toMatch(/it is busy with\n {2}spinning \(.*hanging\.js:\d+\)/)
            expect(stdout).toMatch(/^task +query /m)
          }
        },
        "SIGKILL",
        "spins"
      ),
    TIMEOUT
  )

  it(
    "uses an inspector that is open, and leaves it open",
    async () => {
      const running = start("promise", { env: { NODE_OPTIONS: "--inspect=0" } })
      await running.until("ready")
      const port = /Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(running.output())?.[1] ?? ""
      const { stdout } = await cli("ps", String(running.pid), "--port", port)
      expect(stdout).toMatch(/^task +query /m)
      expect((await fetch(`http://127.0.0.1:${port}/json/version`)).status).toBe(200)
      running.kill("SIGKILL")
      await running.ended
    },
    TIMEOUT
  )

  it(
    "closes an inspector that it has opened, and the program runs on",
    async () => {
      const running = start("promise", { env })
      await running.until("ready")
      await cli("ps", String(running.pid))
      await running.until("Debugger ending")
      running.kill("SIGTERM")
      expect((await running.ended).code).toBe(143)
    },
    TIMEOUT
  )

  it(
    "sends no signal to what would die of it, and says why in one line",
    async () => {
      const sleep = spawn("sleep", ["60"])
      const deaf = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {
        env: { ...process.env, NODE_OPTIONS: "" }
      })
      const ends = [sleep, deaf].map(
        (child) => new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)))
      )
      const other = await cli("ps", String(sleep.pid))
      expect(other).toMatchObject({ code: 1, stdout: "" })
      expect(other.stderr).toMatch(/^process \d+ is \S*sleep\S*, which is no Node; give --sure .*\n$/)
      const sure = await cli("ps", String(sleep.pid), "--sure")
      expect(sure.stderr).toMatch(/^process \d+ does not heed SIGUSR1 .*\n$/)
      for (const child of [sleep, deaf]) child.kill("SIGTERM")
      expect(await Promise.all(ends)).toEqual(["SIGTERM", "SIGTERM"])
    },
    TIMEOUT
  )

  it(
    "says of a Node without the library that it is not there",
    async () => {
      const plain = spawn(process.execPath, ["-e", "console.log('up'); setInterval(() => {}, 1000)"], {
        env: { ...process.env, ...env },
        stdio: ["ignore", "pipe", "ignore"]
      })
      await new Promise((resolve) => plain.stdout.once("data", resolve))
      expect(await cli("ps", String(plain.pid))).toEqual({
        code: 1,
        stdout: "",
        stderr: `pid ${plain.pid}: no effect-aio is loaded there\n`
      })
      plain.kill("SIGKILL")
    },
    TIMEOUT
  )

  it(
    "ends with 1 where the process is not there, and with 2 for a command that is none",
    async () => {
      const gone = spawn("true")
      await new Promise((resolve) => gone.once("exit", resolve))
      expect(await cli("ps", String(gone.pid))).toEqual({
        code: 1,
        stdout: "",
        stderr: `there is no process ${gone.pid}\n`
      })
      const wrong = await cli("ps", "x")
      expect(wrong).toEqual({ code: 2, stdout: "", stderr: 'a pid is a positive number, not "x"\n' })
      const help = await cli("--help")
      expect(help.code).toBe(0)
      expect(help.stdout).toMatch(/^usage: effect-aio ps <pid>/)
      const top = await cli("top", String(process.pid))
      expect(top).toEqual({
        code: 1,
        stdout: "",
        stderr: "top needs a terminal; ps shows the same once\n"
      })
    },
    TIMEOUT
  )

  it(
    "may be asked by several at once, and the last of them closes the inspector",
    async () => {
      const running = start("promise", { env })
      await running.until("ready")
      const all = await Promise.all([0, 1, 2].map(() => cli("ps", String(running.pid))))
      expect(all.map(({ code, stderr }) => [code, stderr])).toEqual([0, 1, 2].map(() => [0, ""]))
      for (const { stdout } of all) expect(stdout).toMatch(/^task +query /m)
      const port = /Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(running.output())?.[1] ?? ""
      // It listens no more.
      while (await listens(port)) await new Promise((resolve) => setTimeout(resolve, 20))
      running.kill("SIGTERM")
      expect((await running.ended).code).toBe(143)
    },
    TIMEOUT
  )

  it(
    "leaves no inspector behind where the viewer is killed",
    async () => {
      const running = start("promise", { env })
      await running.until("ready")
      // Node 20 has a WebSocket behind a flag.
      const viewer = spawn(
        process.execPath,
        [
          "--experimental-websocket",
          "--no-warnings",
          compiled("test/fixtures/viewer.ts"),
          String(running.pid)
        ],
        { stdio: ["ignore", "pipe", "inherit"] }
      )
      await new Promise((resolve) => viewer.stdout.once("data", resolve))
      viewer.kill("SIGKILL")
      const port = /Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec(running.output())?.[1] ?? ""
      while (await listens(port)) await new Promise((resolve) => setTimeout(resolve, 100))
      running.kill("SIGTERM")
      expect((await running.ended).code).toBe(143)
    },
    TIMEOUT
  )

  it(
    "dumps everything as JSON",
    () =>
      hanging("promise", async (pid) => {
        const { stdout } = await cli("dump", pid)
        const { threads } = JSON.parse(stdout) as {
          readonly threads: ReadonlyArray<{ dumps: ReadonlyArray<{ rows: ReadonlyArray<{ name: string }> }> }>
        }
        expect(threads[0]?.dumps[0]?.rows.map(({ name }) => name)).toContain("query")
      }),
    TIMEOUT
  )

  it(
    "fails in time where the process ends while it is asked",
    async () => {
      const running = start("spin", { env })
      await running.until("ready")
      const asked = cli("ps", String(running.pid))
      await running.until("Debugger attached")
      running.kill("SIGKILL")
      const { code, stderr } = await asked
      expect(code).toBe(1)
      expect(stderr).toMatch(/^the process has ended, or closed its inspector\n$/)
      await running.ended
    },
    TIMEOUT
  )
})

describe.runIf(process.platform !== "win32")("a process with a loop of inspect: true", () => {
  it(
    "is looked at through its socket, and its inspector stays closed",
    async () => {
      const running = start("offers", { env })
      await running.until("ready")
      const pid = String(running.pid)
      const { code, stderr, stdout } = await cli("ps", pid)
      expect([code, stderr]).toEqual([0, ""])
      expect(stdout).toMatch(/^task +query /m)
      expect(stdout).toMatch(new RegExp(`thread \\d+ of pid ${pid}: 1 loop`))
      expect(stdout).toMatch(/^task +in a thread /m)
      expect(running.output()).not.toContain("Debugger")
      expect((await cli("ps", pid, "--inspector")).stdout).toMatch(/^task +query /m)
      await running.until("Debugger listening")
      running.kill("SIGTERM")
      expect((await running.ended).code).toBe(143)
    },
    TIMEOUT
  )
})

/** `effect-aio ui` on processes of their own: what it serves, and how it ends. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import type { Message, PageRow } from "../../src/cli/ui/messages.js"
import { noBrowser, pagesOf } from "../support/browser.js"
import { compiled } from "../support/compiled.js"
import { programsOf, TIMEOUT } from "../support/programs.js"

const start = programsOf("test/fixtures/hanging.ts")
const open = pagesOf()
const commands = new Set<ChildProcess>()

afterAll(() => {
  // Only what a failed test has left behind.
  for (const command of commands) command.kill("SIGKILL")
})

/** Any port will do: 9229 may be somebody else's. */
const env = { NODE_OPTIONS: "--inspect-port=0" }

/** The command, from the moment it says where the page is; its code, and what else it says, when it has ended. */
const ui = async (...args: ReadonlyArray<string>) => {
  const command = spawn(process.execPath, [compiled("src/cli/main.ts"), "ui", ...args], { stdio: "pipe" })
  commands.add(command)
  let output = ""
  const ended = once(command, "close").then(([code]) => {
    commands.delete(command)
    return { code: code as number, output }
  })
  const url = await new Promise<string>((resolve) => {
    const take = (chunk: Buffer): void => {
      output += chunk.toString()
      const found = /^http:\S+$/m.exec(output)?.[0]
      if (found !== undefined) resolve(found)
    }
    command.stdout.on("data", take)
    command.stderr.on("data", take)
    void ended.then(() => resolve(""))
  })
  return { url, ended, kill: (signal: NodeJS.Signals) => void command.kill(signal) }
}

let viewing = new AbortController()
afterEach(() => {
  viewing.abort()
  viewing = new AbortController()
})

/** The messages that a viewer is told, as they come. */
async function* messagesOf(url: string): AsyncGenerator<Message> {
  const { body } = await fetch(`${url}events`, { signal: viewing.signal })
  const decoder = new TextDecoder()
  let text = ""
  for await (const part of body as ReadableStream<Uint8Array>) {
    text += decoder.decode(part, { stream: true })
    const events = text.split("\n\n")
    text = events.pop() ?? ""
    for (const event of events) yield JSON.parse(event.replace(/^data: /, "")) as Message
  }
}

const rowsOf = (message: Message): ReadonlyArray<PageRow> => ("rows" in message ? message.rows : [])

/** The first message of which this holds. */
const until = async (
  messages: AsyncGenerator<Message>,
  holds: (message: Message) => boolean
): Promise<Message> => {
  for (;;) {
    const { done, value } = await messages.next()
    if (done === true) throw new Error("nothing more is told")
    if (holds(value)) return value
  }
}

/** A program that hangs, while it does. */
const hanging = async (
  program: string,
  use: (running: ReturnType<typeof start>) => Promise<void>
): Promise<void> => {
  const running = start(program, { env })
  await running.until("ready")
  try {
    await use(running)
  } finally {
    running.kill("SIGKILL")
    await running.ended
  }
}

describe("effect-aio ui", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "shows why a program hangs, ends at once with %s, and leaves it as it was",
    (signal) =>
      hanging("promise", async (running) => {
        const { ended, kill, url } = await ui(String(running.pid))
        expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{24}\/$/)
        expect(await (await fetch(url)).text()).toMatch(/^<!doctype html>/)
        const messages = messagesOf(url)
        const first = await until(messages, () => true)
        expect(first).toMatchObject({
          kind: "all",
          pid: running.pid,
          loops: [{ numbers: { name: "loop-1" } }]
        })
        expect(rowsOf(first).map(({ name, what }) => `${what} ${name}`)).toContain("task query")
        kill(signal)
        expect(await ended).toEqual({ code: 0, output: `${url}\n` })
        await running.until("Debugger ending")
        await expect(until(messages, () => false)).rejects.toThrow()
      }),
    TIMEOUT
  )

  it(
    "uses the socket of a loop that offers one, and nothing else when that is gone",
    async () => {
      const running = start("offers", { env })
      await running.until("ready")
      const { ended, url } = await ui(String(running.pid), "--every", "50")
      const messages = messagesOf(url)
      expect(await until(messages, () => true)).toMatchObject({ kind: "all", by: "its socket" })
      running.kill("SIGTERM")
      await until(messages, ({ kind }) => kind === "ended")
      await ended
      expect((await running.ended).output).not.toMatch(/Debugger/)
    },
    TIMEOUT
  )

  it(
    "shows the loops of threads",
    () =>
      hanging("thread", async (running) => {
        const { ended, kill, url } = await ui(String(running.pid), "--every", "50")
        const message = await until(messagesOf(url), (one) => "loops" in one && one.loops.length > 1)
        expect("loops" in message && message.loops.map(({ thread }) => thread > 0)).toEqual([false, true])
        expect(rowsOf(message).map(({ name }) => name)).toContain("in a thread")
        kill("SIGINT")
        await ended
      }),
    TIMEOUT
  )

  it(
    "shows the closing, ends with the program, and does not keep it from its end however seldom it looks",
    async () => {
      for (const every of ["20", "600000"]) {
        const running = start("stubborn", { env })
        await running.until("ready")
        const { ended, url } = await ui(String(running.pid), "--every", every)
        const messages = messagesOf(url)
        await until(messages, ({ kind }) => kind === "all")
        running.kill("SIGTERM")
        if (every === "20")
          await until(messages, (one) =>
            rowsOf(one).some(({ name, state }) => name === "query" && state === "cancelling")
          )
        expect((await running.ended).code).toBe(143)
        expect(await until(messages, ({ kind }) => kind === "ended")).toMatchObject({
          text: `process ${running.pid} has ended`
        })
        expect((await messages.next()).done).toBe(true)
        expect(await ended).toEqual({ code: 0, output: `${url}\nprocess ${running.pid} has ended\n` })
      }
    },
    TIMEOUT
  )

  it(
    "ends when who has started it is gone without a word",
    () =>
      hanging("promise", async (running) => {
        const { kill, url } = await ui(String(running.pid))
        const messages = messagesOf(url)
        await until(messages, () => true)
        kill("SIGKILL")
        await expect(until(messages, () => false)).rejects.toThrow()
      }),
    TIMEOUT
  )

  it(
    "fails where there is nothing to show, or nowhere to show it, with what is wrong in a line",
    () =>
      hanging("promise", async (running) => {
        const gone = spawn("true")
        await once(gone, "exit")
        expect(await (await ui(String(gone.pid))).ended).toEqual({
          code: 1,
          output: `there is no process ${gone.pid}\n`
        })
        const nowhere = await ui(String(running.pid), "--listen", "203.0.113.1:0")
        expect(await nowhere.ended).toEqual({
          code: 1,
          output: "nothing can listen on 203.0.113.1, port 0: EADDRNOTAVAIL\n"
        })
        await running.until("Debugger ending")
        for (const args of [
          ["--listen", "x"],
          ["--listen", "99999"],
          ["--listen", "a b:1"],
          ["--json"],
          ["--every", "0"]
        ]) {
          const { code, output } = await (await ui(String(running.pid), ...args)).ended
          expect([args, code]).toEqual([args, 2])
          expect(output).not.toBe("")
        }
      }),
    TIMEOUT
  )

  it(
    "listens where it is told to",
    () =>
      hanging("promise", async (running) => {
        for (const [listen, pattern] of [
          ["0", /^http:\/\/127\.0\.0\.1:/],
          ["localhost:0", /^http:\/\/localhost:/],
          ["0.0.0.0:0", /^http:\/\/localhost:/]
        ] as const) {
          const { ended, kill, url } = await ui(String(running.pid), "--listen", listen)
          expect(url).toMatch(pattern)
          expect(await (await fetch(url)).text()).toMatch(/^<!doctype html>/)
          kill("SIGINT")
          await ended
        }
      }),
    TIMEOUT
  )

  it.skipIf(noBrowser !== undefined)(
    `is a page in Chromium that shows a program and its end${noBrowser === undefined ? "" : `: ${noBrowser}`}`,
    async () => {
      const running = start("stubborn", { env })
      await running.until("ready")
      const { ended, url } = await ui(String(running.pid), "--every", "50")
      const { complaints, page } = await open(url)
      await page.locator("#tree").getByText("query").waitFor()
      running.kill("SIGTERM")
      await page.locator("#closing").getByText("▸").first().waitFor()
      await page.locator("#notices").getByText(`process ${running.pid} has ended`).waitFor()
      expect(await page.locator("#status").innerText()).toBe("ended")
      await running.ended
      expect((await ended).code).toBe(0)
      expect(complaints).toEqual([])
      await page.close()
    },
    TIMEOUT
  )
})

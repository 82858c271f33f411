// `effect-aio top` in a terminal, on processes of their own.
import { spawn } from "node:child_process"
import { describe, expect, it } from "vitest"
import { compiled } from "../../support/compiled.js"
import { programsOf, TIMEOUT } from "../../support/programs.js"

const start = programsOf("test/fixtures/hanging.ts")

// The terminal is that of `script`, of util-linux.
describe.runIf(process.platform === "linux")("effect-aio top", () => {
  it(
    "shows its tasks in a terminal, where one is cancelled by keys, and the terminal is as it was",
    async () => {
      const running = start("offers")
      await running.until("ready")
      const command = `stty rows 30 cols 120; ${process.execPath} ${compiled("src/cli/main.ts")} top ${running.pid} --every 50`
      const terminal = spawn("script", ["-qec", command, "/dev/null"], { stdio: ["pipe", "pipe", "inherit"] })
      let output = ""
      terminal.stdout.setEncoding("utf8").on("data", (text: string) => (output += text))
      const shows = async (text: string): Promise<void> => {
        while (!output.includes(text)) await new Promise((resolve) => terminal.stdout.once("data", resolve))
        output = ""
      }
      await shows("query")
      terminal.stdin.write("/foreign\r")
      await shows("filter: foreign")
      terminal.stdin.write("\u001b[F")
      terminal.stdin.write("c")
      await shows("cancel task query?")
      terminal.stdin.write("y")
      await shows("cancelled task query")
      await running.until("query was cancelled")
      terminal.stdin.write("q")
      const code = await new Promise((resolve) => terminal.once("exit", resolve))
      expect(code).toBe(0)
      expect(output).toContain("\u001b[?1049l")
      running.kill("SIGTERM")
      await running.ended
    },
    TIMEOUT
  )

  it(
    "that ends while it is shown ends the view with a word",
    async () => {
      const running = start("offers")
      await running.until("ready")
      const command = `${process.execPath} ${compiled("src/cli/main.ts")} top ${running.pid} --every 50`
      const terminal = spawn("script", ["-qec", command, "/dev/null"], { stdio: ["pipe", "pipe", "inherit"] })
      let output = ""
      terminal.stdout.setEncoding("utf8").on("data", (text: string) => (output += text))
      while (!output.includes("query")) await new Promise((resolve) => terminal.stdout.once("data", resolve))
      running.kill("SIGTERM")
      await running.ended
      expect(await new Promise((resolve) => terminal.once("exit", resolve))).toBe(0)
      expect(output).toContain(`process ${running.pid} has ended`)
    },
    TIMEOUT
  )
})

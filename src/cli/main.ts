#!/usr/bin/env node
/** `npx effect-aio`: what is on the loops of a process that runs. */
import { spawn } from "node:child_process"
import { CliError } from "./CliError.js"
import { parse, usage } from "./command.js"
import { print } from "./print.js"
import { ui } from "./ui.js"
import { checkTerminal, Top } from "./top/top.js"
import { view } from "./view.js"

/**
 * Node 20 has a WebSocket behind a flag. Runs this again with it; what it is told, and how it ends, is the same: it is passed the
 * signals, and hears by a channel of the end of this one.
 */
const again = (): Promise<number> => {
  const child = spawn(
    process.execPath,
    ["--experimental-websocket", "--no-warnings", ...process.execArgv, ...process.argv.slice(1)],
    { stdio: ["inherit", "inherit", "inherit", "ipc"] }
  )
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => void child.kill(signal))
  return new Promise((resolve) => child.once("exit", (code) => resolve(code ?? 1)))
}

/** How long what is still open may take to close when all is said, in milliseconds. */
const LAST = 1_000

const run = async (args: ReadonlyArray<string>): Promise<string> => {
  const command = parse(args)
  if (command.do === "help") return usage
  if (command.do === "ui") {
    await ui(command, (line) => process.stdout.write(`${line}\n`))
    return ""
  }
  const terminal = { input: process.stdin, output: process.stdout }
  if (command.do === "top") checkTerminal(terminal)
  const viewed = await view(command.pid, command)
  try {
    if (command.do === "top") return await Top.run(viewed, command.every, command.most, terminal)
    return print(command.pid, await viewed.look(command.most), command.form)
  } finally {
    await viewed.close()
  }
}

const main = async (): Promise<void> => {
  try {
    const said = await run(process.argv.slice(2))
    if (said !== "") process.stdout.write(`${said}\n`)
  } catch (error) {
    process.stderr.write(`${error instanceof CliError ? error.message : String(error)}\n`)
    process.exitCode = error instanceof CliError ? error.code : 1
  }
  // A connection to a process that is stopped does not close: it is not waited for any longer.
  setTimeout(() => process.exit(), LAST).unref()
}

if ("WebSocket" in globalThis) await main()
else process.exitCode = await again()

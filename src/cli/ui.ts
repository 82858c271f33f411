/** `effect-aio ui <pid>`: what is on the loops of a process, as a page that lives, for as long as the process does. */
import { readFileSync } from "node:fs"
import { CliError } from "./CliError.js"
import { Connected } from "./Connected.js"
import { shown } from "./print.js"
import { lives } from "../Loop/inspect/lives.js"
import { openBrowser } from "./ui/openBrowser.js"
import { PageServer } from "./ui/PageServer.js"
import { Sampler } from "./ui/Sampler.js"
import { view, type ViewOptions } from "./view.js"
import type { Viewed } from "./Viewed.js"

export interface UiOptions extends ViewOptions {
  readonly pid: number
  /** How often one looks, in milliseconds. */
  readonly every: number
  /** How many rows are shown. */
  readonly most: number
  readonly listen: { readonly host: string; readonly port: number }
  /** In the user's browser. */
  readonly open: boolean
}

/** Told to stop: by Ctrl-C, by somebody else, or by the end of who has started this. */
const told = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve())
    process.once("disconnect", () => resolve())
    // Listening for its end would keep this one from ending.
    process.channel?.unref()
  })

/**
 * How the process is looked at, again and again: one that has offered a socket is not sent a signal when its loops have closed, and the
 * socket with them.
 */
const opener = (options: UiOptions): (() => Promise<Viewed>) => {
  let bySocket = false
  return async () => {
    const viewed = bySocket ? await Connected.open(options.pid) : await view(options.pid, options)
    if (viewed === undefined) throw new CliError("no loop with `inspect: true` is open there any more")
    bySocket = viewed instanceof Connected
    return viewed
  }
}

/** Ends when the process does, or when it is told to. `print` is called with what the user is to read. */
export const ui = async (options: UiOptions, print: (line: string) => void): Promise<void> => {
  const { every, listen, most, pid } = options
  const stop = told()
  const page = readFileSync(new URL("./page.html", import.meta.url), "utf8")
  const sampler = new Sampler({
    pid,
    every,
    most,
    open: opener(options),
    lives: () => lives(pid)
  })
  let server: PageServer | undefined
  let forget = (): void => {}
  try {
    await sampler.first((threads) => shown(pid, threads))
    server = await PageServer.open({ ...listen, page, sampler })
    print(server.url)
    if (options.open) forget = openBrowser(server.url, () => print("no browser can be opened here"))
    if ((await Promise.race([sampler.ended.then(() => "ended"), stop])) === "ended") {
      print(`process ${pid} has ended`)
      await server.end()
    }
  } finally {
    forget()
    server?.close()
    await sampler.close()
  }
}

/** What the command was told. */
import { parseArgs } from "node:util"
import { CliError } from "./CliError.js"
import type { UiOptions } from "./ui.js"
import type { ViewOptions } from "./view.js"

export const usage = `usage: effect-aio ps <pid> [--tree | --json | --mermaid]
       effect-aio dump <pid> [--json | --tree | --mermaid]
       effect-aio top <pid> [--every MS]
       effect-aio ui <pid> [--open] [--listen [HOST:]PORT] [--every MS]

Shows what is on the loops of a Node process that runs, and who waits for whom. The process needs no preparation: its inspector
is opened by SIGUSR1, on 127.0.0.1, and closed again. One with a loop that was opened with \`inspect: true\` has a socket, which
is used instead.

  ps           once, as a table; dump: once, as JSON, with everything
  top          again and again, in the terminal; keys sort, filter and cancel
  ui           as a page for a browser, at an address that is printed and that nobody can guess, as long as the process lives

  --tree       a tree: at the top is whom nobody waits for, below each what it waits for
  --json       all of it, for other programs
  --mermaid    a graph for each loop
  --open       in your browser
  --listen     where the page is served (127.0.0.1, any port)
  --every MS   how often one looks (1000; ui: 500); less often where it costs the process more than a twentieth of its time
  --inspector  by the inspector, also where there is a socket: of a thread that gives Node no turn it says where that is
  --port N     that of the inspector, where the process was started with --inspect-port
  --rows N     take so many rows of a loop at most (10000; dump: 100000, which is the most), of all loops for ui
  --sure       it is Node, whatever its executable is called: SIGUSR1 ends what is not`

const forms = ["table", "tree", "json", "mermaid"] as const

export type Form = (typeof forms)[number]

/** What is to be done. */
export type Command =
  | { readonly do: "help" }
  | (ViewOptions & { readonly do: "print"; readonly pid: number; readonly form: Form; readonly most: number })
  | (ViewOptions & {
      readonly do: "top"
      readonly pid: number
      readonly every: number
      readonly most: number
    })
  | (UiOptions & { readonly do: "ui" })

/** More would hold the process up for a second and longer. */
const MOST_ROWS = 100_000

const positive = (name: string, text: string): number => {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new CliError(`${name} is a positive number, not ${JSON.stringify(text)}`, 2)
}

/** Where a page is served: a port, or a host and a port. */
const placeOf = (text: string): UiOptions["listen"] => {
  const [, bracketed, plain, digits] = /^(?:(?:\[([^\]]+)\]|([^:\s]+)):)?(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535)
    throw new CliError(`--listen is a port, or a host and a port, not ${JSON.stringify(text)}`, 2)
  return { host: bracketed ?? plain ?? "127.0.0.1", port }
}

const split = (args: ReadonlyArray<string>) => {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        tree: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        mermaid: { type: "boolean", default: false },
        every: { type: "string" },
        listen: { type: "string" },
        open: { type: "boolean", default: false },
        inspector: { type: "boolean", default: false },
        sure: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
        port: { type: "string" },
        rows: { type: "string" }
      }
    })
  } catch (error) {
    throw new CliError(error instanceof Error ? error.message : String(error), 2)
  }
}

/** Throws CliError for a command that is none. */
export const parse = (args: ReadonlyArray<string>): Command => {
  const { positionals, values } = split(args)
  if (values.help) return { do: "help" }
  const [command = "", given, ...rest] = positionals
  if (!["ps", "dump", "top", "ui"].includes(command) || given === undefined || rest.length > 0)
    throw new CliError(usage, 2)
  const asked = forms.filter((form) => form !== "table" && values[form])
  if (asked.length > 1) throw new CliError("one of --tree, --json and --mermaid", 2)
  if (command === "top" && asked.length > 0)
    throw new CliError(`top has no --${asked.join()}: press t for a tree`, 2)
  if (command === "ui" && asked.length > 0) throw new CliError(`ui has no --${asked.join()}: it is a page`, 2)
  if (command !== "top" && command !== "ui" && values.every !== undefined)
    throw new CliError("--every is for top and ui", 2)
  if (command !== "ui" && (values.open || values.listen !== undefined))
    throw new CliError("--open and --listen are for ui", 2)
  const pid = positive("a pid", given)
  const options: ViewOptions = {
    inspector: values.inspector,
    port: values.port === undefined ? undefined : positive("--port", values.port),
    sure: values.sure
  }
  const most = positive("--rows", values.rows ?? String(command === "dump" ? MOST_ROWS : 10_000))
  if (most > MOST_ROWS) throw new CliError(`--rows is at most ${MOST_ROWS}`, 2)
  if (command === "top")
    return { do: "top", pid, every: positive("--every", values.every ?? "1000"), most, ...options }
  if (command === "ui") {
    return {
      do: "ui",
      pid,
      every: positive("--every", values.every ?? "500"),
      most,
      listen: placeOf(values.listen ?? "0"),
      open: values.open,
      ...options
    }
  }
  const [form = command === "dump" ? "json" : "table"] = asked
  return { do: "print", pid, form, most, ...options }
}

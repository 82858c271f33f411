/**
 * Starting a child process for a protocol: asyncio's `subprocess_exec` and `subprocess_shell`, and what they share with
 * `createSubprocess.ts`.
 */
import type { Child } from "./Child.js"
import { describeValue } from "../kernel/describe.js"
import { Future, readAsFuture } from "../kernel/Future.js"
import { spawnChild } from "./spawnChild.js"
import { checkProtocol, type SubprocessProtocol, SubprocessTransport } from "./SubprocessTransport.js"
import type { SubprocessDefaults, SubprocessOptions } from "./SubprocessOptions.js"
import type { Home } from "../ports.js"

/** Where the options of `subprocessExec` and `subprocessShell` say nothing. */
const piped = { stdin: "pipe", stdout: "pipe", stderr: "pipe" } as const

/** A program and its arguments, and whether it leads a group of its own where the options do not say. */
export type Command = readonly [program: string | URL, args: ReadonlyArray<string | URL>, leads?: boolean]

/**
 * The program and the arguments that run a command line: a shell, which leads a group, so that what it starts is ended
 * with it. Throws `TypeError` for what is no command line.
 */
export const shellCommand = (command: unknown): Command => {
  if (typeof command !== "string") {
    throw new TypeError(
      `a shell command is a string, not ${describeValue(command)}; a program and its arguments go to the Exec form`
    )
  }
  return process.platform === "win32"
    ? [process.env["ComSpec"] ?? "cmd.exe", ["/d", "/s", "/c", command]]
    : ["/bin/sh", ["-c", command], true]
}

/**
 * A child process on its way to the program that asked for it.
 *
 * Legal states while pending: waiting for the start; waiting for the pass in which its protocol is told; told to stop,
 * and waiting for the end of what was started. A value that a cancel kept from its receiver is closed: nobody has it.
 */
class Starting<A> extends Future<A> {
  static {
    readAsFuture(this)
  }

  readonly #starting: Future<Child>
  #transport: SubprocessTransport | undefined
  #stopped: { readonly message: unknown } | undefined

  constructor(
    loop: Home,
    starting: Future<Child>,
    protocol: SubprocessProtocol,
    make: (transport: SubprocessTransport) => A
  ) {
    super(loop, (message) => this.#stop(message))
    this.#starting = starting
    const context = loop.host.contexts.capture()
    const made = (transport: SubprocessTransport): void => {
      if (this.#stopped === undefined) this._settleValue(make(transport))
    }
    const started = (child: Child): void => {
      // The loop may have closed under it.
      if (this.#stopped === undefined && !this.done())
        this.#transport = new SubprocessTransport(loop, child, protocol, context, made)
      else child.discard(() => this._settleCancelled(this.#stopped?.message))
    }
    starting._add({
      resumes: false,
      run: () => {
        if (starting._peek() === "value") started(starting._value())
        else this._settleAs(starting)
      }
    })
  }

  override _overtaken(): void {
    super._overtaken()
    if (this._peek() === "value") this.#transport?.close()
  }

  #stop(message: unknown): boolean {
    if (this.#stopped !== undefined) return true
    this.#stopped = { message }
    if (this.#transport === undefined) this.#starting.cancel(message)
    else this.#transport._discard(() => this._settleCancelled(message))
    return true
  }
}

/** Starts a child for a protocol of the library's own or of the program's. Throws what is wrong with the arguments. */
export const startFor = <A>(
  loop: Home,
  what: string,
  protocol: SubprocessProtocol,
  [program, args, leads = false]: Command,
  options: SubprocessOptions,
  defaults: Omit<SubprocessDefaults, "detached">,
  make: (transport: SubprocessTransport) => A
): Future<A> => {
  const child = spawnChild(loop, what, program, args, options, { ...defaults, detached: leads })
  return new Starting(loop, child, protocol, make)
}

/** What `subprocessExec` and `subprocessShell` do. */
export const startSubprocess = <P extends SubprocessProtocol>(
  loop: Home,
  what: string,
  protocolFactory: () => P,
  command: Command,
  options: SubprocessOptions
): Future<[SubprocessTransport, P]> => {
  if (typeof protocolFactory !== "function")
    throw new TypeError(
      `${what} takes a function that makes a protocol, not ${describeValue(protocolFactory)}`
    )
  if (loop._parks(what)) return new Future<[SubprocessTransport, P]>(loop)
  loop._refuse(what)
  const protocol = protocolFactory()
  checkProtocol(`${what}, from its protocolFactory,`, protocol)
  return startFor(loop, what, protocol, command, options, piped, (transport) => [transport, protocol])
}

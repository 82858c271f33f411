/**
 * What the helper process runs (see SpawnHelper.ts), and what it is told and tells. The function is sent as its source, so that a
 * bundle needs no file beside it: it may use Node's globals alone, and nothing of this file.
 */
import type { Socket } from "node:net"

/** Where a descriptor of the child leads: to a pipe, by the number that its connection names, or to where its stdout does (1). */
export type HelpedEntry = "ignore" | "inherit" | 1 | { readonly pipe: number }

/** What is to be started. */
export interface Start {
  readonly file: string
  readonly args: ReadonlyArray<string>
  readonly stdio: ReadonlyArray<HelpedEntry>
  readonly options: {
    readonly argv0: string
    readonly cwd: string
    readonly env: NodeJS.ProcessEnv
    readonly detached: boolean
    readonly uid?: number
    readonly gid?: number
  }
}

/**
 * What the helper is told: first where it listens, and the secret by which it knows who connects; what is to be started, with how
 * many pipes; whether a child is to live on without the parent.
 */
export type Told =
  | { readonly path: string; readonly folder: string | undefined; readonly token: string }
  | { readonly id: number; readonly start: Start; readonly pipes: number }
  | { readonly id: number; readonly loose: boolean }

/** What an error of the system says. */
export interface HelpedError {
  readonly message: string
  readonly code?: string | undefined
  readonly errno?: number | undefined
  readonly syscall?: string | undefined
  readonly path?: string | undefined
}

/** What the helper tells: that it listens; that a child was started, why it was not, or how it has exited. */
export type Answer =
  | { readonly listens: true }
  | { readonly id: number; readonly pid: number }
  | { readonly id: number; readonly error: HelpedError }
  | { readonly id: number; readonly code: number | null; readonly signal: NodeJS.Signals | null }

/** The bytes by which a connection begins: the secret, the number of the start, the number of the pipe. */
export const headerOf = (token: Buffer, id: number, fd: number): Buffer => {
  const header = Buffer.alloc(token.length + 5)
  token.copy(header)
  header.writeUInt32LE(id, token.length)
  header.writeUInt8(fd, token.length + 4)
  return header
}

/**
 * Starts what it is told to, until the channel closes, with the parent if not before: then it ends what was not set loose, and
 * leaves.
 */
export const helperProgram = (): void => {
  const { spawn } = process.getBuiltinModule("node:child_process")
  const { createServer } = process.getBuiltinModule("node:net")
  const { rmSync } = process.getBuiltinModule("node:fs")
  const pipes = new Map<number, Map<number, Socket>>()
  const starts = new Map<number, { readonly start: Start; readonly pipes: number }>()
  const running = new Map<number, { readonly target: number; loose: boolean }>()
  let folder: string | undefined
  // Methods, because compilers that keep the names of functions wrap what has its name from a variable in a call of theirs.
  const helper = {
    tell(answer: Answer): void {
      if (process.connected) process.send?.(answer)
    },
    fail(id: number, error: unknown): void {
      const { code, errno, message, path, syscall } = error as NodeJS.ErrnoException
      helper.tell({ id, error: { message, code, errno, syscall, path } })
    },
    beginIfWhole(id: number): void {
      const asked = starts.get(id)
      const given = pipes.get(id)
      if (asked === undefined || (given?.size ?? 0) < asked.pipes) return
      starts.delete(id)
      pipes.delete(id)
      try {
        helper.begin(id, asked.start, given)
      } catch (error) {
        helper.fail(id, error)
      } finally {
        // The child has them.
        for (const socket of given?.values() ?? []) socket.destroy()
      }
    },
    begin(
      id: number,
      { args, file, options, stdio }: Start,
      given: ReadonlyMap<number, Socket> | undefined
    ): void {
      const entries = stdio.map((entry) => (typeof entry === "object" ? given?.get(entry.pipe) : entry))
      const child = spawn(file, args, { ...options, stdio: entries })
      const { pid } = child
      child.on("error", (error) => pid === undefined && helper.fail(id, error))
      if (pid === undefined) return
      running.set(id, { target: options.detached ? -pid : pid, loose: false })
      child.once("exit", (code, signal) => {
        running.delete(id)
        helper.tell({ id, code, signal })
      })
      helper.tell({ id, pid })
    },
    listen(path: string, token: Buffer): void {
      const server = createServer((socket) => {
        socket.on("error", () => {})
        socket.on("readable", () => helper.read(socket, token))
      })
      server.on("error", () => process.exit(1))
      server.listen(path, () => helper.tell({ listens: true }))
    },
    read(socket: Socket, token: Buffer): void {
      const header: unknown = socket.read(token.length + 5)
      if (!(header instanceof Buffer)) return
      socket.removeAllListeners("readable")
      if (!header.subarray(0, token.length).equals(token)) return void socket.destroy()
      const id = header.readUInt32LE(token.length)
      const given = pipes.get(id) ?? new Map<number, Socket>()
      pipes.set(id, given.set(header.readUInt8(token.length + 4), socket))
      helper.beginIfWhole(id)
    }
  }
  // A terminal sends these to everybody; whoever started this process decides what comes of them.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) process.on(signal, () => {})
  process.title = "effect-aio-spawn"
  process.on("message", (told: Told) => {
    if ("path" in told) {
      folder = told.folder
      helper.listen(told.path, Buffer.from(told.token, "hex"))
    } else if ("start" in told) {
      starts.set(told.id, told)
      helper.beginIfWhole(told.id)
    } else {
      const child = running.get(told.id)
      if (child !== undefined) child.loose = told.loose
    }
  })
  process.on("disconnect", () => {
    for (const { loose, target } of running.values()) {
      try {
        if (!loose) process.kill(target, "SIGKILL")
      } catch {
        // It has ended.
      }
    }
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    // Not `exit`, by which Node would set the terminal back to what it was when this process began.
    process.kill(process.pid, "SIGKILL")
  })
}

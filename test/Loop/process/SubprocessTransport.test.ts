// Child processes told to a protocol. What `Child.test.ts` shows of the options and the start is not repeated here.
// Covers: startSubprocess, LastWords
import type { Socket } from "node:net"
import { it } from "@effect/vitest"
import { AsyncLocalStorage } from "node:async_hooks"
import { constants } from "node:os"
import { describe, expect } from "vitest"
import { Effect } from "effect"
import {
  CancelledError,
  type EventLoop,
  InvalidStateError,
  LoopClosedError,
  ProcessLookupError,
  SpawnError,
  type SubprocessOptions,
  type SubprocessProtocol,
  type SubprocessTransport,
  SyncLoop
} from "../../../src/index.js"
import { onLoop, openFds, Recording, until } from "../../fixtures/subprocess/recording.js"
import { collecting, open } from "../../support/scopedLoops.js"

const sh = async (loop: EventLoop, script: string, options?: SubprocessOptions) =>
  loop.subprocessExec(() => new Recording(loop), "sh", ["-c", script], options)

const failure = (f: () => PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve()
    .then(f)
    .then(
      (value) => Promise.reject(new Error(`it gave ${String(value)}`)),
      (error: unknown) => error
    )

/** Tells its pid and reads. */
const cat = "echo $$; exec cat"

describe("what a protocol is told", () => {
  it.live("subprocess-003 subprocessShell runs a command line, and every pipe is lost once", () =>
    onLoop(async (loop) => {
      const [transport, protocol] = await loop.subprocessShell(() => new Recording(loop), "echo Python")
      transport.getPipeTransport(0)?.close()
      await protocol.lost
      expect(transport.getReturncode()).toBe(0)
      expect([protocol.text(1), protocol.text(2)]).toEqual(["Python\n", ""])
      expect(protocol.log.filter((line) => line.startsWith("lost ")).sort()).toEqual([
        "lost 0",
        "lost 1",
        "lost 2"
      ])
      expect([...protocol.errors.values()]).toEqual([null, null, null])
    })
  )

  it.live("subprocess-009 stdout and stderr are told apart", () =>
    onLoop(async (loop) => {
      const [transport, protocol] = await sh(loop, 'read x; echo "OUT:$x"; echo "ERR:$x" >&2')
      transport.getPipeTransport(0)?.write("test\n")
      await protocol.lost
      expect([protocol.text(1), protocol.text(2)]).toEqual(["OUT:test\n", "ERR:test\n"])
      expect(transport.getReturncode()).toBe(0)
    })
  )

  it.live("subprocess-010 stderr: stdout comes on fd 1, in the order in which it was written", () =>
    onLoop(async (loop) => {
      const [transport, protocol] = await sh(loop, "echo 1; echo 2 >&2; echo 3; echo 4 >&2", {
        stderr: "stdout"
      })
      expect(transport.getPipeTransport(2)).toBeNull()
      expect(transport.getPipeTransport(1)).not.toBeNull()
      await protocol.lost
      expect([protocol.text(1), protocol.text(2)]).toEqual(["1\n2\n3\n4\n", ""])
    })
  )

  it.live(
    "subprocess-042 subprocess-043 each thing once, data before the end of its pipe, and the end last",
    () =>
      onLoop(async (loop) => {
        const [transport, protocol] = await sh(loop, "echo out; echo err >&2; exit 3")
        await protocol.lost
        const { log } = protocol
        expect([...log].sort()).toEqual(
          ["made", "data 1", "data 2", "lost 0", "lost 1", "lost 2", "exited", "lost"].sort()
        )
        expect(log[0]).toBe("made")
        expect(log.at(-1)).toBe("lost")
        for (const fd of [1, 2]) expect(log.indexOf(`data ${fd}`)).toBeLessThan(log.indexOf(`lost ${fd}`))
        expect(transport.getReturncode()).toBe(3)
      })
  )

  it.live("subprocess-043 what was not read when the child exited comes before connectionLost", () =>
    onLoop(async (loop) => {
      const [transport, protocol] = await sh(loop, "head -c 50000 /dev/zero")
      const stdout = transport.getPipeTransport(1)
      stdout?.pauseReading()
      await protocol.exited
      await loop.sleep(5)
      expect(protocol.log).not.toContain("lost 1")
      expect(protocol.log).not.toContain("lost")
      stdout?.resumeReading()
      await protocol.lost
      expect(protocol.text(1).length).toBe(50000)
      expect(protocol.log.slice(-2)).toEqual(["lost 1", "lost"])
    })
  )

  it.live("subprocess-059 connectionMade is first, also for a child that has ended before", () =>
    onLoop(async (loop) => {
      const starting = Array.from({ length: 20 }, (_, i) => sh(loop, `echo ${i}; exit ${i}`))
      for (const [i, start] of starting.entries()) {
        const [transport, protocol] = await start
        await protocol.lost
        expect(protocol.log[0]).toBe("made")
        expect(protocol.log.at(-1)).toBe("lost")
        expect(protocol.log.filter((line) => line === "exited")).toHaveLength(1)
        expect([protocol.text(1), transport.getReturncode()]).toEqual([`${i}\n`, i])
      }
    })
  )

  it("subprocess-059 and where it has ended, and Node has closed its pipes, while the loop was at rest", async () => {
    const loop = SyncLoop.make()
    const before = openFds()
    const told = sh(loop, "exit 0")
    const streams = loop.createSubprocessExec("true", [], { stdout: "pipe", stderr: "pipe" })
    expect(openFds()).toBeGreaterThan(before)
    await until(() => openFds() <= before)
    await loop.runUntilComplete(async () => {
      const [, { log, lost }] = await told
      await lost
      expect([log[0], log.at(-1), log.length]).toEqual(["made", "lost", 6])
      const process = await streams
      expect((await process.communicate()).map(String)).toEqual(["", ""])
    })
    await loop.close()
  })

  it.live("subprocess-017 a child that exited with 6 cannot be sent a signal, and may be closed", () =>
    onLoop(async (loop) => {
      const [transport, protocol] = await loop.subprocessExec(
        () => new Recording(loop),
        "sh",
        ["-c", "exit 6"],
        {
          stdin: "devnull",
          stdout: "devnull",
          stderr: "devnull"
        }
      )
      await protocol.lost
      expect(protocol.log).toEqual(["made", "exited", "lost"])
      expect(transport.getReturncode()).toBe(6)
      for (const f of [
        () => transport.sendSignal("SIGTERM"),
        () => transport.terminate(),
        () => transport.kill()
      ]) {
        expect(f).toThrow(ProcessLookupError)
        expect(f).toThrow(`sh -c "exit 6" (pid ${transport.getPid()}) has ended with 6`)
      }
      transport.close()
      expect(transport.isClosing()).toBe(true)
      expect(transport.getReturncode()).toBe(6)
      expect(protocol.log).toEqual(["made", "exited", "lost"])
    })
  )

  it.live("context-010 every call sees the async-local state in which the process was started", () =>
    onLoop(async (loop) => {
      const storage = new AsyncLocalStorage<string>()
      const seen: Array<string> = []
      const see = (what: string): void => void seen.push(`${what} ${storage.getStore()}`)
      const lost = loop.createFuture<void>()
      const protocol: SubprocessProtocol = {
        connectionMade: () => see("made"),
        pipeDataReceived: () => see("data"),
        pipeConnectionLost: () => see("lost pipe"),
        processExited: () => see("exited"),
        connectionLost: () => {
          see("lost")
          lost.setResult()
        },
        pauseWriting: () => see("pause"),
        resumeWriting: () => see("resume")
      }
      const starting = storage.run("inner", () =>
        loop.subprocessExec(() => protocol, "sh", ["-c", "cat >/dev/null; echo x"], { stderr: "devnull" })
      )
      await storage.run("other", async () => {
        const [transport] = await starting
        const stdin = transport.getPipeTransport(0)
        stdin?.write(Buffer.alloc(1_000_000))
        stdin?.close()
        await lost
      })
      expect(seen.length).toBe(8)
      expect(new Set(seen)).toEqual(
        new Set(
          ["made", "pause", "resume", "lost pipe", "data", "exited", "lost"].map((what) => `${what} inner`)
        )
      )
    })
  )

  it.live("an error in each of the methods goes to the exception handler, and the others are told", () => {
    const { exceptionHandler, reports } = collecting()
    return onLoop(
      async (loop) => {
        const log: Array<string> = []
        const lost = loop.createFuture<void>()
        const fails = (what: string) => () => {
          log.push(what)
          if (what === "connectionLost") lost.setResult()
          throw new Error(what)
        }
        const names = [
          "connectionMade",
          "pipeDataReceived",
          "pipeConnectionLost",
          "processExited",
          "connectionLost"
        ]
        const protocol = Object.fromEntries(names.map((name) => [name, fails(name)])) as SubprocessProtocol
        await loop.subprocessExec(() => protocol, "sh", ["-c", "echo x"], {
          stdin: "devnull",
          stderr: "devnull"
        })
        await lost
        await loop.sleep(0)
        expect([...log].sort()).toEqual([...names].sort())
        expect(reports.map(({ exception, kind }) => `${kind} ${String(exception)}`).sort()).toEqual(
          names.map((name) => `callback Error: ${name}`).sort()
        )
        expect(reports[0]?.message).toBe("Exception in callback connectionMade()")
      },
      { exceptionHandler }
    )
  })

  it.live("a protocol may be exchanged, and need not have any method", () =>
    onLoop(async (loop) => {
      const [transport, first] = await sh(loop, cat)
      await first.says(1, `${transport.getPid()}`)
      const second = new Recording(loop)
      transport.setProtocol(second)
      expect(transport.getProtocol()).toBe(second)
      transport.getPipeTransport(0)?.write("more")
      await second.says(1, "more")
      transport.setProtocol({})
      transport.close()
      await until(() => transport.getReturncode() !== null)
      expect(first.log).toEqual(["made", "data 1"])
      expect(() => transport.setProtocol(null as never)).toThrow(TypeError)
      expect(() => transport.setProtocol(Promise.resolve({}) as never)).toThrow(TypeError)
    })
  )
})

describe("signals and closing", () => {
  it.live("subprocess-006 subprocess-007 kill gives -9, terminate -15", () =>
    onLoop(async (loop) => {
      for (const [end, code] of [
        [(t: SubprocessTransport) => t.kill(), -9],
        [(t: SubprocessTransport) => t.terminate(), -15]
      ] as const) {
        const [transport, protocol] = await loop.subprocessExec(() => new Recording(loop), "sleep", ["100"])
        end(transport)
        await protocol.lost
        expect(transport.getReturncode()).toBe(code)
      }
    })
  )

  it.live("subprocess-008 sendSignal takes names and numbers, and the code is minus the number", () =>
    onLoop(async (loop) => {
      const ignore = (): void => {}
      process.on("SIGHUP", ignore)
      for (const signal of ["SIGHUP", constants.signals.SIGHUP] as const) {
        const [transport, protocol] = await sh(loop, "echo ready; exec sleep 100")
        await protocol.says(1, "ready")
        transport.sendSignal(signal)
        await protocol.lost
        expect(transport.getReturncode()).toBe(-1)
      }
      process.off("SIGHUP", ignore)
    })
  )

  it.live("subprocess-011 closing the stdout pipe breaks it for the child, and only that", () =>
    onLoop(async (loop) => {
      const echo = `process.stdin.on("data", (d) => process.stdout.write(d))
        process.stdout.on("error", (e) => process.stderr.write("ERR:" + e.code))
        setInterval(() => {}, 1e6)`
      const [transport, protocol] = await loop.subprocessExec(() => new Recording(loop), process.execPath, [
        "-e",
        echo
      ])
      const stdin = transport.getPipeTransport(0)
      stdin?.write("test")
      await protocol.says(1, "test")
      transport.getPipeTransport(1)?.close()
      while (!protocol.log.includes("lost 1")) await loop.sleep(1)
      expect(protocol.errors.get(1)).toBeNull()
      stdin?.write("more")
      await protocol.says(2, "ERR:EPIPE")
      expect(transport.getReturncode()).toBeNull()
      transport.close()
      await protocol.lost
      expect(transport.getReturncode()).toBe(-9)
    })
  )

  it.live("close() kills a child that runs, tells everything, and may be called again at any time", () =>
    onLoop(async (loop) => {
      const [transport, protocol] = await sh(loop, "trap '' TERM HUP; echo ready; exec sleep 100")
      await protocol.says(1, "ready")
      transport.close()
      transport.close()
      expect(transport.isClosing()).toBe(true)
      expect(loop._transportFds.size).toBe(0)
      await protocol.exited
      transport.close()
      await protocol.lost
      transport.close()
      expect(protocol.log.filter((line) => line === "lost")).toHaveLength(1)
      expect(transport.getReturncode()).toBe(-9)
    })
  )

  it.live("subprocess-012 the exit of a child in a group of its own is noticed", () =>
    onLoop(async (loop) => {
      const [transport, protocol] = await loop.subprocessShell(() => new Recording(loop), "exit 8", {
        detached: true
      })
      await protocol.lost
      expect(transport.getReturncode()).toBe(8)
    })
  )

  it.live("subprocess-050 getPid is the child's, and the transport says what it is", () =>
    onLoop(async (loop) => {
      const [transport, protocol] = await sh(loop, "echo $$")
      await protocol.lost
      expect(Number(protocol.text(1))).toBe(transport.getPid())
      expect(transport.getExtraInfo("command")).toBe('sh -c "echo $$"')
      expect(transport.getExtraInfo("peer", "none")).toBe("none")
      expect(String(transport)).toBe(`<SubprocessTransport pid=${transport.getPid()} returncode=0 closing>`)
      expect(JSON.stringify(transport)).toContain('"returncode":0')
    })
  )

  it.live("a grandchild that has the pipe keeps it open, and connectionLost waits for that", () =>
    onLoop(async (loop) => {
      const [transport, protocol] = await sh(loop, "(read x; echo later) <&3 & exit 0", {
        fds: { 3: "pipe" }
      })
      await protocol.exited
      await loop.sleep(5)
      expect(protocol.log).not.toContain("lost")
      transport.getPipeTransport(3)?.write("go\n")
      await protocol.lost
      expect(protocol.text(1)).toBe("later\n")
    })
  )

  it.live("the loop's closing tells the protocol what the child still wrote, and all the ends", () =>
    Effect.gen(function* () {
      let protocol!: Recording
      yield* onLoop(async (loop) => {
        const [, made] = await sh(
          loop,
          "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done"
        )
        protocol = made
        await protocol.says(1, "ready")
      })
      expect(protocol.text(1)).toBe("ready\nbye\n")
      expect(protocol.log.at(-1)).toBe("lost")
      expect(protocol.transport.getReturncode()).toBe(7)
    })
  )

  it.live("and does not wait for a pipe that nobody reads, nor for one that a grandchild floods", () =>
    Effect.gen(function* () {
      const protocols: Array<Recording> = []
      yield* onLoop(async (loop) => {
        const [paused, one] = await sh(loop, "head -c 100000 /dev/zero; exec sleep 100")
        paused.getPipeTransport(1)?.pauseReading()
        // It leaves the group, and ends when its pipe breaks.
        const [, two] = await sh(loop, "setsid yes & echo $!; exec sleep 100", { detached: true })
        await two.says(1, "y")
        protocols.push(one, two)
      })
      for (const { log } of protocols) expect(log.at(-1)).toBe("lost")
    })
  )

  it.scopedLive("a loop that is closed at once lets go of transports, and tells nobody", () =>
    Effect.gen(function* () {
      const before = openFds()
      const loop = yield* open()
      const [transport, protocol] = yield* Effect.promise(() => Promise.resolve(sh(loop, "exec sleep 100")))
      loop.close()
      expect(loop._transportFds.size).toBe(0)
      expect(transport.isClosing()).toBe(true)
      yield* Effect.promise(() => until(() => transport.getReturncode() !== null && openFds() <= before))
      expect(protocol.log).toEqual(["made"])
    })
  )
})

describe("what cannot be started", () => {
  it.live("subprocess-033 a missing program fails, with or without pipes, and no protocol is told", () =>
    onLoop(async (loop) => {
      const before = openFds()
      for (const stdin of ["pipe", "devnull"] as const) {
        const protocol = new Recording(loop)
        const error = await failure(() =>
          loop.subprocessExec(() => protocol, "/no/such/program", [], { stdin })
        )
        expect(error).toBeInstanceOf(SpawnError)
        expect(error).toMatchObject({ code: "ENOENT", command: "/no/such/program" })
        expect((error as SpawnError).cause).toMatchObject({ code: "ENOENT" })
        expect(protocol.log).toEqual([])
      }
      expect(loop._transportFds.size).toBe(0)
      await until(() => openFds() <= before)
    })
  )

  it.live("subprocess-034 ten failed starts and ten children leave no descriptor", () =>
    onLoop(async (loop) => {
      await (
        await sh(loop, "exit 0")
      )[1].lost
      const before = openFds()
      for (let i = 0; i < 10; i++) {
        await failure(() => loop.subprocessExec(() => new Recording(loop), "/no/such/program"))
        await (
          await sh(loop, "exit 0")
        )[1].lost
      }
      await until(() => openFds() <= before)
      expect(loop._transportFds.size).toBe(0)
    })
  )

  it.live("subprocess-013 subprocess-036 text modes, buffer sizes and shell: true are refused", () =>
    onLoop(async (loop) => {
      let made = 0
      const factory = () => {
        made++
        return {}
      }
      for (const option of ["text", "encoding", "errors", "universalNewlines", "bufsize", "shell", "stdio"]) {
        const options = { [option]: option === "bufsize" ? 4096 : true } as never
        for (const start of [
          () => loop.subprocessExec(factory, "true", [], options),
          () => loop.subprocessShell(factory, "true", options),
          () => loop.createSubprocessExec("true", [], options),
          () => loop.createSubprocessShell("true", options)
        ]) {
          const error = await failure(start)
          expect(error).toBeInstanceOf(RangeError)
          expect(String(error)).toContain(`no option "${option}"`)
        }
      }
      expect(loop.statistics().processes).toBe(0)
      expect(made).toBeGreaterThan(0)
    })
  )

  it.live(
    "subprocess-015 subprocess-016 wrong programs, arguments, commands and factories are TypeErrors",
    () =>
      onLoop(async (loop) => {
        const factory = () => ({})
        for (const start of [
          () => loop.subprocessExec(factory, undefined as never),
          () => loop.subprocessExec(factory, ["ls"] as never),
          () => loop.subprocessExec(factory, 7 as never),
          () => loop.subprocessExec(factory, "ls", ["-l", 7 as never]),
          () => loop.subprocessExec(factory, "ls", "-l" as never),
          () => loop.subprocessExec(factory, "ls", [], 7 as never),
          () => loop.subprocessShell(factory, 7 as never),
          () => loop.subprocessShell(factory, ["ls"] as never),
          () => loop.createSubprocessExec(["ls"] as never),
          () => loop.createSubprocessExec("ls", [7 as never]),
          () => loop.createSubprocessExec("ls", [], null as never),
          () => loop.createSubprocessExec("ls", [], { limit: "1" as never }),
          () => loop.createSubprocessShell(["ls"] as never),
          () => loop.subprocessExec("ls" as never, "ls"),
          () => loop.subprocessExec((() => 7) as never, "ls")
        ]) {
          expect(await failure(start)).toBeInstanceOf(TypeError)
        }
        expect(await failure(() => loop.createSubprocessExec("ls", [], { limit: 0 }))).toBeInstanceOf(
          RangeError
        )
        const wrong = new Error("factory")
        const fails = (): SubprocessProtocol => {
          throw wrong
        }
        expect(await failure(() => loop.subprocessExec(fails, "ls"))).toBe(wrong)
        expect(loop.statistics().processes).toBe(0)
      })
  )

  it.scopedLive("a closed loop starts nothing, and makes no protocol", () =>
    Effect.gen(function* () {
      const loop = yield* open()
      loop.close()
      const factory = (): SubprocessProtocol => {
        throw new Error("made")
      }
      expect(() => loop.subprocessExec(factory, "ls")).toThrow(LoopClosedError)
      expect(() => loop.subprocessShell(factory, "ls")).toThrow(LoopClosedError)
      expect(() => loop.createSubprocessExec("ls")).toThrow(LoopClosedError)
    })
  )
})

describe("cancelling a start", () => {
  const started = (loop: EventLoop, delay: number, stderr: "pipe" | "stdout" = "pipe") => {
    const protocol = new Recording(loop)
    let value: unknown
    const task = loop.createTask(async () => {
      value = await loop.subprocessExec(() => protocol, "sleep", ["100"], { stderr })
    })
    return { protocol, task, value: () => value, delay }
  }

  it.live(
    "subprocess-030 at any time before it is there: the child is killed and reaped, nothing is left",
    () =>
      onLoop(async (loop) => {
        const before = openFds()
        for (const stderr of ["pipe", "stdout"] as const) {
          for (let passes = 0; passes < 12; passes++) {
            const { protocol, task, value } = started(loop, passes, stderr)
            for (let i = 0; i < passes && !task.done(); i++) await loop.sleep(0)
            task.cancel("no more")
            task.cancel("again")
            const error = await failure(() => task).catch(() => undefined)
            if (value() !== undefined) {
              protocol.transport.close()
              await protocol.lost
            } else {
              expect(error).toBeInstanceOf(CancelledError)
              // Once the protocol was told, the start was done, and nobody waits for what nobody received.
              if (protocol.log.length === 0) expect(loop.statistics().processes).toBe(0)
            }
            await until(() => loop.statistics().processes === 0)
            expect(loop._transportFds.size).toBe(0)
          }
        }
        await until(() => openFds() <= before)
      })
  )

  it.live("subprocess-030 between the value and its receiver: nobody has it, and it is closed", () =>
    onLoop(async (loop) => {
      let transport: SubprocessTransport | undefined
      const protocol: SubprocessProtocol = {
        connectionMade(made) {
          transport = made
          // The start is done after this; its receiver runs later.
          loop.callSoon(() => task.cancel())
        }
      }
      const task = loop.createTask(async () => {
        await loop.subprocessExec(() => protocol, "sleep", ["100"])
        throw new Error("it was received")
      })
      expect(await failure(() => task)).toBeInstanceOf(CancelledError)
      expect(transport?.isClosing()).toBe(true)
      await until(() => loop.statistics().processes === 0)
      expect(transport?.getReturncode()).toBe(-9)
    })
  )
})

describe("pipes", () => {
  it.live("a pipe beyond the first three can be read and written", () =>
    onLoop(async (loop) => {
      const [transport, protocol] = await sh(loop, "read x <&5; echo got $x >&5", { fds: { 5: "pipe" } })
      expect(transport.getPipeTransport(4)).toBeNull()
      transport.getPipeTransport(5)?.write("this\n")
      await protocol.lost
      expect(protocol.text(5)).toBe("got this\n")
      expect(protocol.errors.get(5)).toBeNull()
    })
  )

  it.live("one direction only: a transport that reads refuses to write", () =>
    onLoop(async (loop) => {
      const [transport, protocol] = await sh(loop, cat)
      const stdout = transport.getPipeTransport(1 as number)
      const stdin = transport.getPipeTransport(0 as number)
      expect(() => stdout?.write("x")).toThrow(InvalidStateError)
      expect(() => stdout?.writeEof()).toThrow(InvalidStateError)
      expect([stdin?.canWriteEof(), stdout?.canWriteEof()]).toEqual([true, false])
      expect([stdin?.isReading(), stdout?.isReading()]).toEqual([false, true])
      expect(() => stdin?.write(7 as never)).toThrow(TypeError)
      stdin?.writeEof()
      stdin?.writeEof()
      expect(() => stdin?.write("x")).toThrow(InvalidStateError)
      await protocol.lost
      expect(transport.getReturncode()).toBe(0)
      stdin?.close()
      stdout?.resumeReading()
    })
  )

  it.live("a descriptor of a transport cannot be watched, until it is closed", () =>
    onLoop(async (loop) => {
      const [transport, protocol] = await sh(loop, cat)
      const [fd] = [...loop._transportFds.keys()]
      expect(loop._transportFds.size).toBe(3)
      expect(() => loop.addReader(fd as number, () => {})).toThrow(InvalidStateError)
      expect(() =>
        loop.addReader(transport.getPipeTransport(1)?.getExtraInfo("pipe") as never, () => {})
      ).toThrow(InvalidStateError)
      for (const n of [0, 1, 2]) transport.getPipeTransport(n)?.close()
      expect(loop._transportFds.size).toBe(0)
      await protocol.lost
    })
  )

  it.live("the numbers of what Node has closed are free before anybody hears of the exit", () =>
    onLoop(async (loop) => {
      const [transport, protocol] = await sh(loop, "exit 0")
      const stdin = transport.getPipeTransport(0)
      const listed = (): boolean => [...loop._transportFds.values()].some((t) => t === stdin)
      let wrong: boolean | undefined
      const heard = transport._wait()
      heard.addDoneCallback(() => {
        wrong = listed() && (stdin?.getExtraInfo("pipe") as Socket).destroyed
      })
      await heard
      await loop.sleep(0)
      expect(wrong).toBe(false)
      await protocol.lost
      expect(listed()).toBe(false)
    })
  )

  it.live("pauseWriting is called inside write above the limit, resumeWriting when it was taken", () =>
    onLoop(async (loop) => {
      const log: Array<string> = []
      const lost = loop.createFuture<void>()
      const [transport] = await loop.subprocessExec(
        () => ({
          pauseWriting: (fd: number) => void log.push(`pause ${fd}`),
          resumeWriting: (fd: number) => void log.push(`resume ${fd}`),
          connectionLost: () => lost.setResult()
        }),
        "sh",
        ["-c", "cat > /dev/null"]
      )
      const stdin = transport.getPipeTransport(0)
      expect(stdin?.getWriteBufferLimits()).toEqual({ low: 16384, high: 65536 })
      stdin?.write(Buffer.alloc(65536))
      expect(log).toEqual([])
      stdin?.write("x")
      stdin?.write("x")
      log.push("written")
      expect(stdin?.getWriteBufferSize()).toBe(65538)
      while (log.length < 3) await loop.sleep(1)
      expect(log).toEqual(["pause 0", "written", "resume 0"])
      stdin?.setWriteBufferLimits({ high: 0 })
      stdin?.write("x")
      expect(log.at(-1)).toBe("pause 0")
      expect(() => stdin?.setWriteBufferLimits({ high: 1, low: 2 })).toThrow(RangeError)
      stdin?.writelines(["a", Buffer.from("b")])
      stdin?.close()
      await lost
      expect(log.at(-1)).toBe("resume 0")
      expect(stdin?.getWriteBufferSize()).toBe(0)
    })
  )
})

// The receiving half: a StreamReader that is fed by the test.
// Covers: ByteQueue, Read
import { describe, expect, it } from "vitest"
import * as fc from "fast-check"
import { type Future, InvalidStateError, StreamReader } from "../../../src/index.js"
import { ByteQueue } from "../../../src/Loop/stream/ByteQueue.js"
import { nodeLoop } from "../../support/closedLoops.js"

const bytes = (text: string): Buffer => Buffer.from(text)

/** A reader, and what it asks of whoever sends. */
const open = (limit?: number) => {
  const { loop } = nodeLoop()
  const asked: Array<string> = []
  const reader = new StreamReader({ loop, limit })
  reader.setTransport({
    pauseReading: () => void asked.push("pause"),
    resumeReading: () => void asked.push("resume")
  })
  return { loop, reader, asked }
}

const failure = (future: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(future).then(
    (value) => Promise.reject(new Error(`it gave ${String(value)}`)),
    (error: unknown) => error
  )

const text = async (future: PromiseLike<Buffer>): Promise<string> => (await future).toString()

describe("what a StreamReader gives", () => {
  it("read(n) gives what there is, up to n bytes, and an empty Buffer at the end", async () => {
    const { reader } = open()
    reader.feedData(bytes("abc"))
    reader.feedData(bytes("def"))
    expect(await text(reader.read(2))).toBe("ab")
    expect(await text(reader.read(3))).toBe("cde")
    expect(await text(reader.read(100))).toBe("f")
    expect(await text(reader.read(0))).toBe("")
    const waiting = reader.read(10)
    expect(waiting.done()).toBe(false)
    reader.feedData(bytes("later"))
    expect(await text(waiting)).toBe("later")
    expect(reader.atEof()).toBe(false)
    reader.feedEof()
    expect(reader.atEof()).toBe(true)
    expect(await text(reader.read(10))).toBe("")
    expect(await text(reader.read())).toBe("")
  })

  it("read() waits for the end and gives everything, more than the limit too", async () => {
    const { asked, reader } = open(4)
    const all = reader.read()
    for (let i = 0; i < 100; i++) reader.feedData(bytes("0123456789"))
    reader.feedEof()
    expect((await all).length).toBe(1000)
    expect(asked).toEqual([])
  })

  it("readexactly(n) waits for n bytes, or fails with what came", async () => {
    const { asked, reader } = open(4)
    const ten = reader.readexactly(10)
    reader.feedData(bytes("012345"))
    expect(ten.done()).toBe(false)
    reader.feedData(bytes("6789ab"))
    expect(await text(ten)).toBe("0123456789")
    expect(await text(reader.readexactly(0))).toBe("")
    const three = reader.readexactly(3)
    reader.feedEof()
    const error = await failure(three)
    expect(error).toMatchObject({ _tag: "IncompleteReadError", expected: 3 })
    expect(String((error as { partial: Buffer }).partial)).toBe("ab")
    expect(reader.atEof()).toBe(true)
    expect(asked).toEqual([])
  })

  it("readline gives lines with their newlines, and the rest at the end", async () => {
    const { reader } = open()
    reader.feedData(bytes("one\ntwo"))
    expect(await text(reader.readline())).toBe("one\n")
    const two = reader.readline()
    reader.feedData(bytes("!\n"))
    expect(await text(two)).toBe("two!\n")
    const rest = reader.readline()
    reader.feedData(bytes("res"))
    reader.feedData(bytes("t"))
    reader.feedEof()
    expect(await text(rest)).toBe("rest")
    expect(await text(reader.readline())).toBe("")
  })

  it("readuntil finds a separator that comes in pieces", async () => {
    const { reader } = open()
    const found = reader.readuntil("--END--")
    for (const piece of ["some -", "-", "EN", "D-", "-more"]) reader.feedData(bytes(piece))
    expect(await text(found)).toBe("some --END--")
    expect(await text(reader.readuntil(new Uint8Array([0x6f])))).toBe("mo")
    reader.feedEof()
    const error = await failure(reader.readuntil())
    expect(error).toMatchObject({ _tag: "IncompleteReadError", expected: null })
    expect(String((error as { partial: Buffer }).partial)).toBe("re")
  })

  it("readuntil leaves more than the limit where it is; readline drops the line", async () => {
    const { reader } = open(4)
    reader.feedData(bytes("123456"))
    expect(await failure(reader.readuntil())).toMatchObject({ _tag: "LimitOverrunError", consumed: 6 })
    reader.feedData(bytes("7\nnext\n"))
    expect(await failure(reader.readuntil())).toMatchObject({ _tag: "LimitOverrunError", consumed: 7 })
    expect(await failure(reader.readline())).toMatchObject({ _tag: "LimitOverrunError", consumed: 7 })
    expect(await text(reader.readline())).toBe("next\n")
    const long = reader.readline()
    reader.feedData(bytes("abcde"))
    expect(await failure(long)).toMatchObject({ _tag: "LimitOverrunError", consumed: 5 })
    reader.feedEof()
    expect(reader.atEof()).toBe(true)
  })

  it("async iteration gives the lines, and goes on where another one was left", async () => {
    const { reader } = open()
    reader.feedData(bytes("a\nb\nc\nd"))
    reader.feedEof()
    const lines: Array<string> = []
    for await (const line of reader) {
      lines.push(line.toString())
      if (lines.length === 2) break
    }
    for await (const line of reader) lines.push(line.toString())
    expect(lines).toEqual(["a\n", "b\n", "c\n", "d"])
  })
})

describe("what a StreamReader refuses", () => {
  it("a second read while one waits fails, and the first is not disturbed", async () => {
    const { reader } = open()
    const first = reader.readline()
    for (const read of [
      reader.read(),
      reader.read(1),
      reader.readexactly(1),
      reader.readuntil("x"),
      reader.readline()
    ]) {
      const error = await failure(read)
      expect(error).toBeInstanceOf(InvalidStateError)
      expect(String(error)).toContain("called while another read, readline(), is already waiting")
    }
    reader.feedData(bytes("line\n"))
    expect(await text(first)).toBe("line\n")
  })

  it("wrong arguments are thrown at once", () => {
    const { loop, reader } = open()
    expect(() => reader.readexactly(-1)).toThrow(RangeError)
    expect(() => reader.readexactly(1.5)).toThrow(RangeError)
    expect(() => reader.readexactly("3" as never)).toThrow(TypeError)
    expect(() => reader.read(Number.NaN)).toThrow(RangeError)
    expect(() => reader.read("1" as never)).toThrow(TypeError)
    expect(() => reader.readuntil("")).toThrow(RangeError)
    expect(() => reader.readuntil(7 as never)).toThrow(TypeError)
    expect(() => reader.feedData("text" as never)).toThrow(TypeError)
    expect(() => reader.setTransport({ pauseReading() {}, resumeReading() {} })).toThrow(InvalidStateError)
    expect(() => new StreamReader({ loop, limit: 0 })).toThrow(RangeError)
    expect(() => new StreamReader({ loop, limit: "1" as never })).toThrow(TypeError)
    expect(() => new StreamReader()).toThrow("needs a running loop")
  })

  it("data after the end are refused", () => {
    const { reader } = open()
    reader.feedEof()
    expect(() => reader.feedData(bytes("x"))).toThrow(InvalidStateError)
  })

  it("after setException every read fails with it, the one that waits too", async () => {
    const { reader } = open()
    const wrong = new Error("reset")
    const waiting = reader.read()
    reader.setException(wrong)
    expect(await failure(waiting)).toBe(wrong)
    expect(await failure(reader.readline())).toBe(wrong)
    expect(reader.exception()).toBe(wrong)
  })
})

describe("holding the sender up", () => {
  it("pauses it above twice the limit, and resumes it at the limit", async () => {
    const { asked, reader } = open(10)
    reader.feedData(Buffer.alloc(20))
    expect(asked).toEqual([])
    reader.feedData(Buffer.alloc(1))
    expect(asked).toEqual(["pause"])
    await reader.read(10)
    expect(asked).toEqual(["pause"])
    await reader.read(1)
    expect(asked).toEqual(["pause", "resume"])
  })

  it("resumes it for a read that needs more than there is", async () => {
    const { asked, reader } = open(10)
    reader.feedData(Buffer.alloc(30))
    const exact = reader.readexactly(40)
    expect(asked).toEqual(["pause", "resume"])
    reader.feedData(Buffer.alloc(9))
    expect(asked).toEqual(["pause", "resume"])
    reader.feedData(Buffer.alloc(1))
    await exact
    expect(asked).toEqual(["pause", "resume"])
  })

  it("pauses it again when the read that needed more is cancelled", async () => {
    const { asked, loop, reader } = open(10)
    const all = reader.read()
    reader.feedData(Buffer.alloc(30))
    all.cancel()
    expect(asked).toEqual(["pause"])
    expect((await reader.readexactly(30)).length).toBe(30)
    const exact = reader.readexactly(1000)
    reader.feedData(Buffer.alloc(30))
    exact.cancel()
    await loop.sleep(0)
    expect(asked).toEqual(["pause", "resume", "pause"])
  })
})

describe("a cancelled read loses nothing", () => {
  it("of what it had collected", async () => {
    const { reader } = open()
    const all = reader.read()
    reader.feedData(bytes("one "))
    reader.feedData(bytes("two "))
    all.cancel()
    reader.feedData(bytes("three"))
    reader.feedEof()
    expect(await text(reader.read())).toBe("one two three")
  })

  it("of what was given to it before its task was cancelled", async () => {
    const { loop, reader } = open()
    for (const read of [() => reader.readline(), () => reader.read(100), () => reader.readexactly(5)]) {
      let got: unknown
      const task = loop.createTask(async () => {
        got = await read()
      })
      await loop.sleep(0)
      reader.feedData(bytes("line\n"))
      task.cancel()
      await failure(task)
      expect(got).toBeUndefined()
      expect(await text(reader.readline())).toBe("line\n")
    }
  })

  it("in an async iteration and in a generator", async () => {
    const { loop, reader } = open()
    const lines = loop.createTask(async () => {
      for await (const line of reader) throw new Error(`it got ${line.toString()}`)
    })
    await loop.sleep(0)
    reader.feedData(bytes("1\n"))
    lines.cancel()
    await failure(lines)
    expect(await text(reader.readline())).toBe("1\n")
    const stepped = loop.createTask(function* () {
      throw new Error(`it got ${(yield* reader.readline()).toString()}`)
    })
    await loop.sleep(0)
    reader.feedData(bytes("2\n"))
    stepped.cancel()
    await failure(stepped)
    expect(await text(reader.readline())).toBe("2\n")
  })

  it("but what a later read has overtaken is not put before it", async () => {
    const { loop, reader } = open()
    const task = loop.createTask(() => reader.readline())
    await loop.sleep(0)
    reader.feedData(bytes("a\nb\n"))
    const later = reader.readline()
    task.cancel()
    await failure(task)
    expect(await text(later)).toBe("b\n")
    reader.feedEof()
    expect(await text(reader.read())).toBe("")
  })

  it("and gives it to all who wait for the same read, once", async () => {
    const { loop, reader } = open()
    const read = reader.readline()
    const one = loop.createTask(async () => await read)
    const two = loop.createTask(async () => await read)
    await loop.sleep(0)
    reader.feedData(bytes("line\n"))
    one.cancel()
    await failure(one)
    expect(await text(two)).toBe("line\n")
    reader.feedEof()
    expect(reader.atEof()).toBe(true)
  })
})

describe("on any chunks", () => {
  const alphabet = fc
    .array(fc.constantFrom("a", "b", "\n", "-"), { maxLength: 40 })
    .map((all) => all.join(""))

  it("the queue gives what one Buffer would, and finds what is in it", () => {
    fc.assert(
      fc.property(
        fc.array(alphabet, { maxLength: 8 }),
        fc.array(fc.nat(50), { maxLength: 8 }),
        fc.array(fc.constantFrom("a", "b", "-"), { minLength: 1, maxLength: 4 }).map((all) => all.join("")),
        (chunks, takes, separator) => {
          const queue = new ByteQueue()
          for (const chunk of chunks) queue.push(bytes(chunk))
          let whole = bytes(chunks.join(""))
          for (const n of takes) {
            for (const from of [0, 1, n]) {
              expect(queue.indexOf(bytes(separator), from)).toBe(
                from > whole.length ? -1 : whole.indexOf(separator, from)
              )
            }
            const taken = queue.take(n)
            expect(taken.toString()).toBe(whole.subarray(0, n).toString())
            if (n % 3 === 0) queue.unshift(taken)
            else whole = whole.subarray(n)
            expect(queue.size).toBe(whole.length)
          }
          expect(queue.take(queue.size).toString()).toBe(whole.toString())
        }
      )
    )
  })

  it("reads of every kind, some cancelled, give all bytes once and in order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(alphabet, { maxLength: 20 }),
        fc.array(
          fc.tuple(fc.constantFrom("read", "readexactly", "readline", "readuntil"), fc.nat(9), fc.boolean())
        ),
        async (chunks, reads) => {
          const { reader } = open(7)
          const pending = chunks.map(bytes)
          let got = ""
          const feed = (): void => {
            const chunk = pending.shift()
            if (chunk === undefined) reader.feedEof()
            else reader.feedData(chunk)
          }
          let ended = false
          for (const [kind, n, cancel] of [...reads, ["read", -1, false] as const]) {
            const future: Future<Buffer> =
              kind === "read"
                ? reader.read(n)
                : kind === "readexactly"
                  ? reader.readexactly(n)
                  : kind === "readline"
                    ? reader.readline()
                    : reader.readuntil("--")
            while (!future.done()) {
              if (cancel && pending.length % 2 === 0) future.cancel()
              else if (ended) throw new Error("it waits after the end")
              else {
                ended = pending.length === 0
                feed()
              }
            }
            if (future.cancelled()) continue
            const error = future.exception() as { _tag: string; partial?: Buffer } | undefined
            if (error === undefined) got += future.result().toString()
            else if (error._tag === "IncompleteReadError") got += String(error.partial)
            else if (kind === "readline") return // It has dropped a line, as it should.
          }
          expect(got).toBe(chunks.join(""))
        }
      )
    )
  })

  it("a line that comes byte by byte, and a hundred thousand lines", async () => {
    const { reader } = open(200_000)
    const line = reader.readline()
    for (let i = 0; i < 50_000; i++) reader.feedData(bytes("x"))
    reader.feedData(bytes("\n"))
    expect((await line).length).toBe(50_001)
    const block = Buffer.from("line\n".repeat(10_000))
    let lines = 0
    for (let i = 0; i < 10; i++) {
      reader.feedData(block)
      for (let j = 0; j < 10_000; j++) lines += (await reader.readline()).length === 5 ? 1 : 0
    }
    expect(lines).toBe(100_000)
  })
})

// What asyncio's own tests ask of a StreamReader that is fed by hand, in the order of the catalogue. What is ours beyond
// that stands in StreamReader.test.ts.
import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import {
  IncompleteReadError,
  LimitOverrunError,
  NoRunningLoopError,
  StreamReader
} from "../../../src/index.js"
import { nodeLoop } from "../../support/closedLoops.js"

const data = Buffer.from("line1\nline2\nline3\n")

const open = (limit?: number) => {
  const { loop } = nodeLoop()
  return { loop, reader: new StreamReader({ loop, limit }) }
}

const feed = (reader: StreamReader, ...pieces: ReadonlyArray<string>): void => {
  for (const piece of pieces) reader.feedData(Buffer.from(piece))
}

/** All that is left, as text, after the end. */
const rest = async (reader: StreamReader): Promise<string> => {
  reader.feedEof()
  return (await reader.read()).toString()
}

const failure = async (future: PromiseLike<unknown>): Promise<Error> => {
  try {
    await future
  } catch (error) {
    return error as Error
  }
  throw new Error("it did not fail")
}

const text = async (future: PromiseLike<Buffer>): Promise<string> => (await future).toString()

describe("read", () => {
  it("is not woken by empty data, and gives exactly what came (streams-003)", async () => {
    const { loop, reader } = open()
    reader.feedData(Buffer.alloc(0))
    const waiting = reader.read(100)
    reader.feedData(new Uint8Array(0))
    await loop.sleep(0)
    expect(waiting.done()).toBe(false)
    reader.feedData(data)
    expect(await waiting).toEqual(data)
    expect(await rest(reader)).toBe("")
  })

  it("of 0 bytes is done at once and takes nothing (streams-004)", async () => {
    const { reader } = open()
    reader.feedData(data)
    const none = reader.read(0)
    expect(none.done()).toBe(true)
    expect(await none).toEqual(Buffer.alloc(0))
    expect(await rest(reader)).toBe(data.toString())
  })

  it("of 30 bytes gives the fewer that came, without waiting for 30 (streams-005)", async () => {
    const { reader } = open()
    const read = reader.read(30)
    reader.feedData(data)
    expect(await read).toEqual(data)
    expect(await rest(reader)).toBe("")
  })

  it("of one chunk's size leaves the other (streams-006)", async () => {
    const { reader } = open()
    feed(reader, "line1", "line2")
    expect(await text(reader.read(5))).toBe("line1")
    expect(await rest(reader)).toBe("line2")
  })

  it("without a count gives everything, at the end only (streams-008)", async () => {
    const { loop, reader } = open()
    const read = reader.read(-1)
    feed(reader, "chunk1\n", "chunk2")
    await loop.sleep(0)
    expect(read.done()).toBe(false)
    reader.feedEof()
    expect(await text(read)).toBe("chunk1\nchunk2")
  })

  it("fails after setException, though bytes are there (streams-009)", async () => {
    const { reader } = open()
    feed(reader, "line\n")
    expect(await text(reader.read(2))).toBe("li")
    const error = new RangeError("of the program's own")
    reader.setException(error)
    expect(await failure(reader.read(2))).toBe(error)
  })

  it("needs a limit of one byte at least (streams-010)", () => {
    const { loop } = open()
    for (const limit of [0, -1, NaN]) expect(() => new StreamReader({ loop, limit })).toThrow(/limit/)
    expect(() => new StreamReader({ loop: {} as never })).toThrow(TypeError)
  })

  it("gives more than the limit, which is for lines (streams-011)", async () => {
    const { reader } = open(3)
    feed(reader, "chunk")
    expect(await text(reader.read(5))).toBe("chunk")
    expect(await rest(reader)).toBe("")
  })
})

describe("readline", () => {
  it("gives a line that comes in chunks, and leaves what follows (streams-012)", async () => {
    const { reader } = open()
    feed(reader, "chunk1 ")
    const line = reader.readline()
    feed(reader, "chunk2 ", "chunk3 ", "\n chunk4")
    expect(await text(line)).toBe("chunk1 chunk2 chunk3 \n")
    expect(await rest(reader)).toBe(" chunk4")
  })

  it("drops a line over the limit, or all there is where it has no end yet (streams-013)", async () => {
    const whole = open(3).reader
    feed(whole, "li", "ne1\nli", "ne2\n")
    expect(await failure(whole.readline())).toBeInstanceOf(LimitOverrunError)
    expect(await rest(whole)).toBe("line2\n")
    const endless = open(3).reader
    feed(endless, "li", "ne1", "li")
    expect(await failure(endless.readline())).toBeInstanceOf(LimitOverrunError)
    expect(await rest(endless)).toBe("")
  })

  it("counts the limit without the newline (streams-014)", async () => {
    const { reader } = open(7)
    feed(reader, "1234567\n")
    expect(await text(reader.readline())).toBe("1234567\n")
    feed(reader, "12345678\nrest\n")
    expect(await failure(reader.readline())).toBeInstanceOf(LimitOverrunError)
    expect(await text(reader.readline())).toBe("rest\n")
    feed(reader, "12345678")
    expect(await failure(reader.readline())).toBeInstanceOf(LimitOverrunError)
    feed(reader, "after\n")
    expect(await text(reader.readline())).toBe("after\n")
  })

  it("has come to the end when the rest was read, not before (streams-015)", async () => {
    const { reader } = open()
    expect(reader.atEof()).toBe(false)
    feed(reader, "some data\n")
    expect(reader.atEof()).toBe(false)
    await reader.readline()
    expect(reader.atEof()).toBe(false)
    feed(reader, "last")
    reader.feedEof()
    expect(reader.atEof()).toBe(false)
    await reader.readline()
    expect(reader.atEof()).toBe(true)
  })

  it("gives an unfinished last line, and then nothing (streams-017)", async () => {
    const { reader } = open()
    feed(reader, "some data")
    reader.feedEof()
    expect(await text(reader.readline())).toBe("some data")
    expect(await text(reader.readline())).toBe("")
  })

  it("and readexactly fail after setException (streams-018)", async () => {
    const { reader } = open()
    feed(reader, "line\nline")
    expect(await text(reader.readline())).toBe("line\n")
    expect(await text(reader.readexactly(2))).toBe("li")
    const error = new Error("lost")
    reader.setException(error)
    expect(await failure(reader.readline())).toBe(error)
    expect(await failure(reader.readexactly(2))).toBe(error)
  })
})

describe("readuntil", () => {
  it("needs a separator that is not empty (streams-019)", () => {
    const { reader } = open()
    for (const none of ["", new Uint8Array(0), [], ["a", ""]]) {
      expect(() => reader.readuntil(none)).toThrow(RangeError)
    }
    for (const none of [null, 10, [10]]) expect(() => reader.readuntil(none as never)).toThrow(TypeError)
  })

  it("finds the first whole separator, wherever it was cut (streams-020)", async () => {
    for (const all of ["aaXaaYaaa", "aaXaabaaa-", "Xaaaa"]) {
      for (let one = 0; one <= all.length; one++) {
        for (let two = one; two <= all.length; two++) {
          const { reader } = open()
          const found = reader.readuntil("aaa")
          feed(reader, all.slice(0, one), all.slice(one, two), all.slice(two))
          const end = all.indexOf("aaa") + 3
          expect(await text(found)).toBe(all.slice(0, end))
          expect(await rest(reader)).toBe(all.slice(end))
        }
      }
    }
  })

  it("fails with what came where the end comes first (streams-021)", async () => {
    const { reader } = open()
    feed(reader, "some dataAA")
    reader.feedEof()
    const error = (await failure(reader.readuntil("AAA"))) as IncompleteReadError
    expect(error).toBeInstanceOf(IncompleteReadError)
    expect([error.partial.toString(), error.expected]).toEqual(["some dataAA", null])
    expect(await rest(reader)).toBe("")
  })

  it("leaves what is over the limit, and says whether there is a separator (streams-022)", async () => {
    const { reader } = open(3)
    feed(reader, "some dataA")
    expect(String(await failure(reader.readuntil("AAA")))).toContain("not found")
    feed(reader, "A")
    expect(String(await failure(reader.readuntil("AAA")))).toContain("not found")
    feed(reader, "A")
    expect(String(await failure(reader.readuntil("AAA")))).toContain("is found")
    expect(await rest(reader)).toBe("some dataAAA")
  })

  it("takes the separator that ends first, though another begins earlier or is longer (streams-023)", async () => {
    for (const [all, separators, found] of [
      ["some data\r\nmore", ["\n", "\r\n"], "some data\r\n"],
      ["abcde", ["bcd", "c"], "abc"],
      ["abcde", ["bcd", "cd"], "abcd"],
      ["some,data;", [Buffer.from(";"), ","], "some,"]
    ] as const) {
      for (let cut = 0; cut <= all.length; cut++) {
        const { reader } = open()
        const read = reader.readuntil([...separators])
        feed(reader, all.slice(0, cut), all.slice(cut))
        expect(await text(read)).toBe(found)
        expect(await rest(reader)).toBe(all.slice(found.length))
      }
    }
  })

  it("with several separators counts the limit to the first that ends, and skips no byte (streams-024)", async () => {
    const { reader } = open(3)
    feed(reader, "123A")
    expect(await text(reader.readuntil(["A", "long separator"]))).toBe("123A")
    feed(reader, "1234A")
    const error = await failure(reader.readuntil(["A", "long separator"]))
    expect(error).toMatchObject({ _tag: "LimitOverrunError", consumed: 4 })
    expect(await text(reader.readexactly(5))).toBe("1234A")
    const short = open().reader
    const read = short.readuntil(["longer than what comes", "BC"])
    feed(short, "A", "B", "C")
    expect(await text(read)).toBe("ABC")
  })

  it("takes a separator of any kind of bytes (streams-025)", async () => {
    const { reader } = open()
    feed(reader, "a|b|c|d|")
    const sliced = new Uint8Array([0x2d, 0x7c, 0x2d]).subarray(1, 2)
    for (const separator of ["|", Buffer.from("|"), new Uint8Array([0x7c]), sliced]) {
      expect(await text(reader.readuntil(separator))).toMatch(/^.\|$/)
    }
  })
})

describe("readexactly", () => {
  it("of 0 gives nothing, of less is refused, and neither takes anything (streams-026)", async () => {
    const { reader } = open()
    reader.feedData(data)
    expect(await text(reader.readexactly(0))).toBe("")
    expect(() => reader.readexactly(-1)).toThrow(/from 0 on/)
    expect(await rest(reader)).toBe(data.toString())
  })

  it("fails with what came where the end comes first, and tells both counts (streams-028)", async () => {
    const { reader } = open()
    const read = reader.readexactly(2 * data.length)
    reader.feedData(data)
    reader.feedEof()
    const error = (await failure(read)) as IncompleteReadError
    expect(error).toBeInstanceOf(IncompleteReadError)
    expect([error.partial, error.expected]).toEqual([data, 36])
    expect(error.message).toMatch(/18 .*36/)
    expect(await rest(reader)).toBe("")
  })
})

describe("setException", () => {
  it("is what exception() tells (streams-029)", () => {
    const { reader } = open()
    expect(reader.exception()).toBeUndefined()
    const error = new Error("lost")
    reader.setException(error)
    expect(reader.exception()).toBe(error)
  })

  it("ends the read that waits in another task (streams-030)", async () => {
    const { loop, reader } = open()
    const waiting = loop.createTask(async () => await reader.readline())
    await loop.sleep(0)
    const error = new Error("lost")
    await loop.createTask(async () => reader.setException(error))
    expect(await failure(waiting)).toBe(error)
  })

  it("does nothing to a read that was cancelled, and the next one is heard (streams-031)", async () => {
    const { loop, reader } = open()
    const waiting = loop.createTask(async () => await reader.readline())
    await loop.sleep(0)
    waiting.cancel()
    await loop.sleep(0)
    const error = new Error("lost")
    reader.setException(error)
    expect(waiting.cancelled()).toBe(true)
    expect(await failure(reader.readline())).toBe(error)
  })
})

describe("a StreamReader", () => {
  it("is of the running loop where none is named, and of none outside (streams-034)", async () => {
    const { loop } = open()
    const reader = await loop.createTask(async () => new StreamReader())
    feed(reader, "x")
    expect(await rest(reader)).toBe("x")
    expect(() => new StreamReader()).toThrow(NoRunningLoopError)
  })

  it("tells as text what is there, and only that (streams-037)", async () => {
    const { loop, reader } = open()
    expect(String(reader)).toBe("<StreamReader>")
    expect(String(new StreamReader({ loop, limit: 123 }))).toBe("<StreamReader limit=123>")
    const waiting = reader.readline()
    expect(String(reader)).toBe("<StreamReader waiting=readline>")
    feed(reader, "data")
    expect(String(reader)).toBe("<StreamReader 4 bytes waiting=readline>")
    reader.feedEof()
    expect(await text(waiting)).toBe("data")
    expect(String(reader)).toBe("<StreamReader eof>")
    reader.setException(new RangeError("no"))
    expect(inspect(reader)).toBe('<StreamReader eof exception=RangeError("no")>')
    const fed = new StreamReader({ loop })
    class Wire {
      pauseReading(): void {}
      resumeReading(): void {}
    }
    fed.setTransport(new Wire())
    expect(String(fed)).toBe("<StreamReader transport=<Wire>>")
  })

  it("gives its lines one by one (streams-046)", async () => {
    const { reader } = open()
    feed(reader, "line1\nline2\nline3")
    reader.feedEof()
    const lines: Array<string> = []
    for await (const line of reader) lines.push(line.toString())
    expect(lines).toEqual(["line1\n", "line2\n", "line3"])
  })
})

// One who looks through the socket and does not take the answer.
import { createConnection, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { SyncLoop } from "../../../src/index.js"
import { Conversation } from "../../../src/Loop/inspect/Conversation.js"

describe("who looks and never reads", () => {
  it("is hung up on when its patience is over, and one who reads is not", async () => {
    const loops = Array.from({ length: 500 }, (_, i) => SyncLoop.make({ name: `${i} ${"x".repeat(190)}` }))
    const path = join(tmpdir(), `aio-conversation-${process.pid}.sock`)
    const closed = new Map<number, Promise<unknown>>()
    let count = 0
    const server = createServer((socket) => {
      closed.set(count++, new Promise((resolve) => socket.once("close", resolve)))
      new Conversation(socket, 50)
    }).listen(path)
    await new Promise((resolve) => server.once("listening", resolve))
    const connect = async (): Promise<Socket> => {
      const socket = createConnection(path)
      await new Promise((resolve) => socket.once("connect", resolve))
      return socket.on("error", () => {})
    }
    const reads = await connect()
    let answers = 0
    reads.setEncoding("utf8").on("data", (text: string) => (answers += text.split("\n").length - 1))
    const deaf = await connect()
    deaf.pause()
    for (let i = 0; i < 100; i++) {
      deaf.write('{"most":1}\n')
      reads.write('{"most":1}\n')
    }
    await closed.get(1)
    while (answers < 100) await new Promise(setImmediate)
    expect(reads.destroyed).toBe(false)
    reads.destroy()
    deaf.destroy()
    await new Promise((resolve) => server.close(resolve))
    for (const loop of loops) await loop.close()
  })
})

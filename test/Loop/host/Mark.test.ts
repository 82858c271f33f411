// Covers: frames
import { AsyncLocalStorage } from "node:async_hooks"
import { execFileSync } from "node:child_process"
import { describe, expect, it } from "vitest"
import { frames, framesFound } from "../../../src/Loop/host/frames.js"
import { hasFrames, Mark, storage } from "../../../src/Loop/host/Mark.js"

const major = Number(process.versions.node.split(".")[0])
const onFrames = describe.skipIf(!hasFrames)

describe("Node's frames", () => {
  it("L5 they are found where Node has them, and nowhere else", () => {
    expect([framesFound, hasFrames]).toEqual(major >= 24 ? [true, true] : [false, false])
    if (!framesFound) {
      expect(frames.exchange(frames.current())).toBeUndefined()
      expect(new frames(storage, 1).has(storage)).toBe(false)
    }
  })

  it.skipIf(major < 24)("L5 nor where Node was told to do without", () => {
    const program = `
      import { hasFrames } from "./src/Loop/host/Mark.ts"
      console.log(hasFrames)`
    const args = ["--no-async-context-frame", "--import", "tsx", "--input-type=module", "-e", program]
    expect(execFileSync(process.execPath, args, { encoding: "utf8" })).toBe("false\n")
  })

  it("L5 looking for them leaves nothing in the state of the program that loads the library", () => {
    const program = `
      import { AsyncResource } from "node:async_hooks"
      const look = () => {
        const resource = new AsyncResource("look")
        return Object.getOwnPropertySymbols(resource)
          .filter((key) => /context_frame|kResourceStore/.test(String(key)))
          .map((key) => resource[key])
      }
      const before = look()
      await import("./src/Loop/host/Mark.ts")
      console.log(JSON.stringify([before, look()]))`
    const args = ["--import", "tsx", "--input-type=module", "-e", program]
    const [before, after] = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as [
      unknown,
      unknown
    ]
    expect(after).toEqual(before)
  })
})

onFrames("a mark, which is a frame to Node", () => {
  const loop = {}
  const within = <A>(frame: ReturnType<typeof frames.current>, f: () => A): A => {
    const outer = frames.exchange(frame)
    try {
      return f()
    } finally {
      frames.set(outer)
    }
  }

  it("L5 storages of the program are seen through it, also those with a default", () => {
    const user = new AsyncLocalStorage<string>()
    const behind = user.run("v", () => frames.current())
    within(new Mark(behind, loop, undefined, "owner"), () => {
      expect(user.getStore()).toBe("v")
      expect(new AsyncLocalStorage<string>().getStore()).toBeUndefined()
      expect(storage.getStore()).toMatchObject({ loop, task: undefined, owner: "owner" })
    })
    within(new Mark(undefined, loop, undefined, undefined), () => expect(user.getStore()).toBeUndefined())
  })

  it("L5 what the program enters in marked code is beside the mark, and gone after it", () => {
    const user = new AsyncLocalStorage<string>()
    const mark = new Mark(undefined, loop, undefined, undefined)
    within(mark, () => {
      user.run("inside", () => expect([user.getStore(), storage.getStore()]).toEqual(["inside", mark]))
      expect([user.getStore(), storage.getStore()]).toEqual([undefined, mark])
    })
    expect([user.getStore(), storage.getStore()]).toEqual([undefined, undefined])
  })

  it("L5 a storage that is disabled in marked code is as it was for whoever has the frame behind it", () => {
    const user = new AsyncLocalStorage<string>()
    const behind = user.run("v", () => frames.current())
    within(new Mark(behind, loop, undefined, undefined), () => {
      user.disable()
      expect(user.getStore()).toBeUndefined()
      expect(storage.getStore()?.loop).toBe(loop)
    })
    within(behind, () => expect(user.getStore()).toBe("v"))
  })
})

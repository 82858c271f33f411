import { closeSync, openSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { runs } from "../../fixtures/child/children.js"
import { count, type Ended, programsOf, type StartOptions, TIMEOUT } from "../../support/programs.js"

const start = programsOf("test/fixtures/broken.ts")

const spoken: StartOptions = { stdio: ["ignore", "pipe", "pipe", "pipe"] }

/** Starts a program whose standard output, or error as well, goes to a disk that is full. */
const onFullDisk = (name: string, what: "stdout" | "both") => {
  const full = openSync("/dev/full", "w")
  try {
    return start(name, { stdio: ["ignore", full, what === "both" ? full : "pipe", "pipe"] })
  } finally {
    closeSync(full)
  }
}

/** What the programs say on descriptor 3. */
const said = ({ output }: Ended) =>
  output.split("\n").filter((line) => /^(ready|finalizing|inner|outer|exit|told)/.test(line))

const inOrder = ["ready", "inner finalizer", "outer finalizer", "exit Failure"]

const childRuns = ({ output }: Ended) => runs(Number(/child (\d+)/.exec(output)?.[1]))

describe.concurrent("Loop.run in a world that breaks", () => {
  for (const name of ["talking", "logging"]) {
    it(
      `closes in order and exits with 1 where the reader of stdout goes away: ${name} (S7)`,
      { timeout: TIMEOUT },
      async () => {
        const program = start(name, spoken)
        await program.until("xxx")
        program.stopReading()
        const ended = await program.ended
        expect(ended).toMatchObject({ code: 1, signal: null })
        expect(said(ended)).toEqual(inOrder)
        expect(count(ended.output, "stdout cannot be written any more")).toBe(1)
        expect(ended.output).toContain("EPIPE")
        expect(childRuns(ended)).toBe(false)
      }
    )
  }

  it("closes in order and exits with 1 in `main | head -1` (S7)", { timeout: TIMEOUT }, async () => {
    const program = start("talking", {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      shell: '{ "$@"; echo "code $?" >&3; } | head -1'
    })
    const ended = await program.ended
    expect(said(ended)).toEqual(inOrder)
    expect(ended.output).toContain("code 1")
    expect(childRuns(ended)).toBe(false)
  })

  it(
    "closes in order where stdout and stderr lose their reader at once (S7)",
    { timeout: TIMEOUT },
    async () => {
      const program = start("talking", {
        stdio: ["ignore", "pipe", "pipe", "pipe"],
        shell: '{ "$@"; echo "code $?" >&3; } 2>&1 | head -1'
      })
      const ended = await program.ended
      expect(said(ended)).toEqual(inOrder)
      expect(ended.output).toContain("code 1")
      expect(childRuns(ended)).toBe(false)
    }
  )

  it(
    "closes in order and exits with 1 where stderr loses its reader (S7)",
    { timeout: TIMEOUT },
    async () => {
      const program = start("writing", spoken)
      await program.until("xxx")
      program.stopReading("stderr")
      const ended = await program.ended
      expect(said(ended)).toEqual(inOrder)
      expect(ended).toMatchObject({ code: 1, signal: null })
      expect(childRuns(ended)).toBe(false)
    }
  )

  it(
    "closes in order and exits with 1 where the disk under stdout is full (S7)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await onFullDisk("talking", "stdout").ended
      expect(ended).toMatchObject({ code: 1, signal: null })
      expect(said(ended)).toEqual(inOrder)
      expect(count(ended.output, "stdout cannot be written any more")).toBe(1)
      expect(ended.output).toContain("ENOSPC")
      expect(childRuns(ended)).toBe(false)
    }
  )

  it("closes in order where the disk is full under both (S7)", { timeout: TIMEOUT }, async () => {
    const ended = await onFullDisk("talking", "both").ended
    expect(ended).toMatchObject({ code: 1, signal: null })
    expect(said(ended)).toEqual(inOrder)
    expect(childRuns(ended)).toBe(false)
  })

  it(
    "exits with the signal's code where stdout breaks after the signal (S7)",
    { timeout: TIMEOUT },
    async () => {
      const program = start("stopping", spoken)
      await program.until("ready")
      program.kill("SIGINT")
      await program.until("finalizing")
      program.stopReading()
      const ended = await program.ended
      expect(ended).toMatchObject({ code: 130, signal: null })
      expect(said(ended)).toEqual(["ready", "finalizing", ...inOrder.slice(1)])
      expect(childRuns(ended)).toBe(false)
    }
  )

  it("leaves the error of stdout to a program that listens for it (S7)", { timeout: TIMEOUT }, async () => {
    const ended = await onFullDisk("listening", "stdout").ended
    expect(ended).toMatchObject({ code: 0, signal: null })
    expect(said(ended)).toEqual([
      "ready",
      "told ENOSPC",
      "inner finalizer",
      "outer finalizer",
      "exit Success"
    ])
    expect(childRuns(ended)).toBe(false)
  })

  it("runs with a closed stdin, and stops as ever (S7)", { timeout: TIMEOUT }, async () => {
    const program = start("talking", {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      shell: 'exec "$@" <&-'
    })
    await program.until("ready")
    program.kill("SIGTERM")
    const ended = await program.ended
    expect(ended).toMatchObject({ code: 143, signal: null })
    expect(said(ended)).toEqual(inOrder)
    expect(childRuns(ended)).toBe(false)
  })
})

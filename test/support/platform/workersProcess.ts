/** The ends of processes with workers that compute for ever: the same cases for the fixture of either line. */
import { describe, expect, it } from "vitest"
import { later, programsOf, TIMEOUT } from "../programs.js"

/** Whether a process is there. */
const lives = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Those of them that are there still: what was killed is gone when the system says so. */
const left = async (pids: ReadonlyArray<number>): Promise<ReadonlyArray<number>> => {
  for (let turn = 0; turn < 200 && pids.some(lives); turn++)
    await new Promise((resolve) => setTimeout(resolve, 10))
  return pids.filter(lives)
}

const pidsIn = (output: string): ReadonlyArray<number> =>
  [...output.matchAll(/^pid (\d+)$/gm)].map(([, pid]) => Number(pid))

/** `toldCode` is what the platform's own main ends with where it was told to. */
export const endsOfWorkers = (fixture: string, toldCode: number): void => {
  const start = programsOf(fixture)

  describe("a process whose workers compute for ever", () => {
    it.each(["thread", "child"])(
      "S3 ends after the grace of its workers when it is told to (%s)",
      async (program) => {
        const { ended, kill, until } = start(program)
        await until("ready")
        const began = performance.now()
        kill("SIGTERM")
        const { code, output } = await ended
        expect(code).toBe(143)
        expect(performance.now() - began).toBeLessThan(10_000)
        expect(output).not.toMatch(/left over|leaving/)
        expect(pidsIn(output)).toHaveLength(program === "child" ? 2 : 0)
        expect(await left(pidsIn(output))).toEqual([])
      },
      TIMEOUT
    )

    it.each(["patientThread", "patient"])(
      "S7 leaves at once at the second signal, names the workers, and leaves none behind (%s)",
      async (program) => {
        const { ended, kill, until } = start(program)
        await until("ready")
        kill("SIGTERM")
        await later()
        kill("SIGTERM")
        const { code, output, signal } = await ended
        expect(code ?? signal).toBe(143)
        expect(output.match(/worker +\S+ \((thread|process) \d+\) +\d+ms +terminating /g)).toHaveLength(2)
        expect(output).toMatch(/ interrupted: Spin for \d+ms/)
        expect(await left(pidsIn(output))).toEqual([])
      },
      TIMEOUT
    )

    it(
      "S2 ends under the platform's own main when the deadline of its loop has passed, whatever their grace",
      async () => {
        const { ended, kill, until } = start("runMain")
        await until("ready")
        const began = performance.now()
        kill("SIGTERM")
        const { code } = await ended
        expect(code).toBe(toldCode)
        expect(performance.now() - began).toBeLessThan(10_000)
      },
      TIMEOUT
    )
  })
}

// A loop of a Layer under the platform's own main.
import { describe, expect, it } from "vitest"
import { programsOf, TIMEOUT } from "../../support/programs.js"

const start = programsOf("test/fixtures/platform/three/runMain.ts")

describe.concurrent("NodeRuntime.runMain with Loop.layer", () => {
  for (const [name, when] of [
    ["alone", "500ms after its program was told to stop"],
    ["beside", "after a closeDeadline of 500ms"],
    ["launched", "500ms after its program was told to stop"]
  ] as const) {
    it(
      `S2 ends, names what did not stop, and runs its finalizers: ${name}`,
      { timeout: TIMEOUT },
      async () => {
        const program = start(name)
        await program.until("ready")
        const told = performance.now()
        program.kill("SIGTERM")
        const { code, output } = await program.ended
        expect(code).toBe(0)
        expect(output).toContain(`abandoned ${when}: stuck promise`)
        expect(output).toMatch(/^finalizer$/m)
        // Without its bound it never ends.
        expect(performance.now() - told).toBeLessThan(10_000)
      }
    )
  }

  it("S2 ends under Loop.scoped, too", { timeout: TIMEOUT }, async () => {
    const program = start("scoped")
    await program.until("ready")
    program.kill("SIGTERM")
    const { code, output } = await program.ended
    expect(code).toBe(0)
    expect(output).toMatch(/1 left over|2 left over/)
    expect(output).toMatch(/^finalizer$/m)
  })

  it("J12 says which named finalizer takes long", { timeout: TIMEOUT }, async () => {
    const program = start("finalizer")
    await program.until("ready")
    program.kill("SIGTERM")
    const { code, output } = await program.ended
    expect(code).toBe(0)
    expect(output).toMatch(/closing metrics .* has taken 50ms and has not ended/)
    expect(output).toMatch(/^flushed$/m)
  })
})

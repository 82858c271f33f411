// The names of the door effect-aio/testing, and what its guide shows.
import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import * as door from "../../src/testing/index.js"

const text = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8")

it("the door has these modules, and each of them these names", () => {
  const names = Object.entries(door).map(([name, module]) => [name, Object.keys(module).sort()])
  expect(Object.fromEntries(names)).toEqual({
    TestLoop: [
      "NonDeterminismError",
      "NotCleanError",
      "ScheduleError",
      "StuckError",
      "advance",
      "aio",
      "answer",
      "autojump",
      "expectClean",
      "explore",
      "layer",
      "main",
      "settle",
      "signal"
    ]
  })
})

it.each(["retry", "explore"])("the example of docs/testing.md on %s is the test that runs here", (name) => {
  expect(text("docs/testing.md")).toContain(`\`\`\`ts\n${text(`test/testing/guide/${name}.test.ts`)}\`\`\``)
})

// The order of the test files: those that wait for processes first, so that none of them is left for one worker at the end.
import { readFileSync } from "node:fs"
import { BaseSequencer, type TestSpecification } from "vitest/node"

/** The examples are whole programs; whoever imports compiled.ts starts processes or threads. */
const rank = ({ moduleId }: TestSpecification): number => {
  if (moduleId.includes("/test/examples/")) return 0
  return readFileSync(moduleId, "utf8").includes("/support/compiled.js") ? 1 : 2
}

export class LongestFirst extends BaseSequencer {
  /** Within a rank as vitest has it: by what a file took the last time, or by its size. */
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const sorted = await super.sort(files)
    return sorted.sort((one, other) => rank(one) - rank(other))
  }
}

// A reporter that ends the report of a run with the files that took longest: where the time of the suite goes.
import { relative } from "node:path"
import type { Reporter, TestModule } from "vitest/node"

const MOST = 10

const seconds = (module: TestModule): number => {
  const { collectDuration, duration, prepareDuration, setupDuration } = module.diagnostic()
  return (prepareDuration + setupDuration + collectDuration + duration) / 1000
}

export default class SlowestFiles implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    if (modules.length <= MOST) return
    const slowest = modules
      .map((module) => [relative(module.project.config.root, module.moduleId), seconds(module)] as const)
      .sort(([, one], [, other]) => other - one)
      .slice(0, MOST)
    console.log(`\nThe ${MOST} slowest of ${modules.length} files:`)
    for (const [file, took] of slowest) console.log(`${took.toFixed(1).padStart(7)} s  ${file}`)
  }
}

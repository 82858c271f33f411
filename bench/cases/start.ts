/** What the library costs a program that starts: a new process for each import. */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Case, Contender, Timed } from "../case.js"

const program = fileURLToPath(new URL("../importTime.js", import.meta.url))

const importing = async (n: number, modules: ReadonlyArray<string>): Promise<Timed> => {
  let [wall, cpu] = [0, 0]
  for (let i = 0; i < n; i++) {
    const { stdout } = await promisify(execFile)(process.execPath, [program, ...modules])
    const one = JSON.parse(stdout) as { readonly wall: number; readonly cpu: number }
    wall += one.wall
    cpu += one.cpu
  }
  return { done: n, wall, cpu }
}

const contender = (
  name: string,
  ours: boolean,
  last: string,
  ...first: ReadonlyArray<string>
): Contender => ({
  name,
  ours,
  fraction: 1,
  prepare: (n) => ({ go: () => importing(n, [last, ...first]) })
})

export const start: ReadonlyArray<Case> = [
  {
    name: "import",
    what: "imports in a new process",
    n: 5,
    contenders: [
      contender("effect-aio, after effect", true, "effect-aio", "effect"),
      contender("effect", false, "effect"),
      contender("node:http", false, "node:http"),
      contender("piscina", false, "piscina")
    ]
  }
]

// Which tests are there for a source file: the one of its name in the folder of its name, and those of that folder or one
// above that say so in the comment that they open with, as in "Covers: Asks, kernel/current".
import { posix } from "node:path"
import ts from "typescript"
import { parse, type Sources } from "./imports.js"

const nameOf = (path: string): string => path.replace(/\.\w+$/, "")

/** The names in the opening comment of a test file. */
const coversOf = (text: string): ReadonlyArray<string> => {
  const [opening] = /^(?:(?:\/\/.*|\/\*[^]*?\*\/)(?:\n|$))*/.exec(text) ?? [""]
  return [...opening.matchAll(/Covers: ([\w/, ]+)/g)].flatMap(([, names = ""]) => names.trim().split(/, */))
}

export interface Coverage {
  /** Each source file, and its tests. */
  readonly tests: ReadonlyMap<string, ReadonlyArray<string>>
  /** What tests say that they cover, and what is no file, or could be two. */
  readonly problems: ReadonlyArray<string>
}

export const coverage = (sources: Sources, tests: Sources): Coverage => {
  const found = new Map([...sources.keys()].map((file) => [file, [] as Array<string>]))
  const problems: Array<string> = []
  for (const [path, text] of tests) {
    if (!path.endsWith(".test.ts")) continue
    const own = path.replace(/^test\//, "src/").replace(/\.test\.ts$/, "")
    for (const [file, of] of found) if (nameOf(file) === own) of.push(path)
    const folder = posix.dirname(own)
    for (const name of coversOf(text)) {
      const covered = [...found].filter(
        ([file]) => file.startsWith(`${folder}/`) && `/${nameOf(file)}`.endsWith(`/${name}`)
      )
      if (covered.length === 1) covered[0]![1].push(path)
      else {
        const what = covered.length === 0 ? "no file" : "more than one file"
        problems.push(`${path} says that it covers ${name}, which is ${what} of ${folder}`)
      }
    }
  }
  return { tests: found, problems }
}

/** Interfaces, types and imports: there is nothing in it to run. */
const isTypesOnly = (path: string, text: string): boolean =>
  parse(path, text).statements.every(
    (at) =>
      ts.isInterfaceDeclaration(at) ||
      ts.isTypeAliasDeclaration(at) ||
      ts.isImportDeclaration(at) ||
      (ts.isExportDeclaration(at) && at.isTypeOnly) ||
      (ts.isVariableStatement(at) &&
        (at.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.DeclareKeyword) ?? false))
  )

/** Each source file that runs has a test, and what a test says it covers is there. */
export const untested = (sources: Sources, tests: Sources): ReadonlyArray<string> => {
  const found = coverage(sources, tests)
  return [
    ...found.problems,
    ...[...sources]
      .filter(([path, text]) => found.tests.get(path)?.length === 0 && !isTypesOnly(path, text))
      .map(([path]) => `${path} has no test of its name, and no test of its folder says that it covers it`)
  ]
}

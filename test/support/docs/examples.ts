/** The `@example`s of the sources, each as a module of its own. */
import { readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"

export const root = fileURLToPath(new URL("../../..", import.meta.url))

export interface Example {
  /** Where it stands: the file from the root, and the line of its `@example`. */
  readonly where: string
  /** As a reader sees it. */
  readonly code: string
  /** What its `// =>` comments say that it prints, line by line. */
  readonly prints: ReadonlyArray<string>
}

/** What an example leaves to the reader to import: the library's names, and Effect's modules by their names. */
export interface Importable {
  readonly library: ReadonlySet<string>
  readonly effect: ReadonlySet<string>
}

const sources = (): ReadonlyArray<string> =>
  readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()

/** An example ends with its comment, or where the next tag begins. */
const EXAMPLE = /@example\n([\s\S]*?)(?=\n\s*\* @\w|\n\s*\*\/)/g

const inFile = (file: string): ReadonlyArray<Example> => {
  const text = readFileSync(join(root, file), "utf8")
  return [...text.matchAll(EXAMPLE)].map(({ 1: commented = "", index }) => {
    const code = commented.replace(/^ *\* ?/gm, "").trimEnd()
    return {
      where: `${file}:${text.slice(0, index).split("\n").length}`,
      code,
      prints: [...code.matchAll(/\/\/ => (.*)$/gm)].map(([, printed = ""]) => printed.trim())
    }
  })
}

export const findExamples = (): ReadonlyArray<Example> => sources().flatMap(inFile)

/** The names that a module uses as variables or types, and those it declares. */
const namesOf = (code: string): { readonly used: Set<string>; readonly declared: Set<string> } => {
  const used = new Set<string>()
  const declared = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) {
      const { parent } = node
      const isMember =
        (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
        (ts.isPropertyAssignment(parent) && parent.name === node)
      const isDeclared =
        (ts.isVariableDeclaration(parent) || ts.isParameter(parent) || ts.isBindingElement(parent)) &&
        parent.name === node
      if (isDeclared || ts.isImportSpecifier(parent) || ts.isNamespaceImport(parent)) declared.add(node.text)
      else if (!isMember) used.add(node.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile("example.ts", code, ts.ScriptTarget.Latest, true))
  return { used, declared }
}

/** The example as a whole module: with the imports that it leaves to the reader. */
export const asModule = ({ code }: Example, { effect, library }: Importable): string => {
  const { declared, used } = namesOf(code)
  const from = (names: ReadonlySet<string>, specifier: string): ReadonlyArray<string> => {
    const wanted = [...used].filter((name) => names.has(name) && !declared.has(name))
    return wanted.length === 0 ? [] : [`import { ${wanted.join(", ")} } from "${specifier}"`]
  }
  return [...from(effect, "effect"), ...from(library, "effect-aio"), code, "export {}", ""].join("\n")
}

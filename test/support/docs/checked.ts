/** The examples as TypeScript sees them, in a program together with the library. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"
import { line } from "../effect/line.js"
import { asModule, type Example, findExamples, type Importable, root } from "./examples.js"

export interface CheckedExample extends Example {
  /** The module that a user would have written. */
  readonly module: string
  /** What the compiler has against it, a line each. */
  readonly errors: ReadonlyArray<string>
}

/** A class that the package exports, and what a reader should find an example of. */
export interface PublicClass {
  readonly name: string
  readonly hasExample: boolean
  /** Its public getters that no example reads. */
  readonly unread: ReadonlyArray<string>
}

export interface Checked {
  readonly examples: ReadonlyArray<CheckedExample>
  /** Those that use what the other line of Effect has: they are checked there. */
  readonly others: ReadonlyArray<Example>
  readonly classes: ReadonlyArray<PublicClass>
  /** Exported functions and constants without an example. */
  readonly bare: ReadonlyArray<string>
}

const door = join(root, "src/index.ts")

const settings = (): ts.CompilerOptions => {
  const file = join(root, line === 3 ? "tsconfig.json" : "tsconfig.effect4.json")
  const { config } = ts.readConfigFile(file, ts.sys.readFile) as { config: unknown }
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root, undefined, file)
  // Reader's code: `import { SomeType }` is as good as `import type`. Everything strict stays, as it is for the sources.
  return { ...options, verbatimModuleSyntax: false, isolatedModules: false, lib: ["lib.esnext.d.ts"] }
}

/** A host that reads `modules` from memory, everything else from the disk. */
const hostOf = (options: ts.CompilerOptions, modules: ReadonlyMap<string, string>): ts.CompilerHost => {
  const host = ts.createCompilerHost(options)
  const { fileExists, getSourceFile, readFile } = host
  host.fileExists = (file) => modules.has(file) || fileExists(file)
  host.readFile = (file) => modules.get(file) ?? readFile(file)
  host.getSourceFile = (file, ...rest) => {
    const text = modules.get(file)
    return text === undefined
      ? getSourceFile(file, ...rest)
      : ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true)
  }
  return host
}

const exportsOf = (checker: ts.TypeChecker, file: ts.SourceFile | undefined): ReadonlyArray<ts.Symbol> => {
  const module = file && checker.getSymbolAtLocation(file)
  return module === undefined ? [] : checker.getExportsOfModule(module)
}

const resolved = (checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol

const isTypeOnly = (symbol: ts.Symbol): boolean =>
  symbol.declarations?.some((node) => ts.isTypeOnlyExportDeclaration(node)) ?? false

const hasTag = (node: ts.Node, name: string): boolean =>
  ts.getJSDocTags(node).some(({ tagName }) => tagName.text === name)

const publicGetters = (declaration: ts.ClassDeclaration): ReadonlyArray<ts.GetAccessorDeclaration> =>
  declaration.members.filter(
    (member): member is ts.GetAccessorDeclaration =>
      ts.isGetAccessor(member) && ts.isIdentifier(member.name) && !hasTag(member, "internal")
  )

/** Every getter that some example reads, by its declaration. */
const readGetters = (checker: ts.TypeChecker, files: ReadonlyArray<ts.SourceFile>): ReadonlySet<ts.Node> => {
  const read = new Set<ts.Node>()
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node)) {
      for (const declaration of checker.getSymbolAtLocation(node.name)?.declarations ?? [])
        read.add(declaration)
    }
    ts.forEachChild(node, visit)
  }
  files.forEach(visit)
  return read
}

const text = (file: ts.SourceFile, { messageText, start = 0 }: ts.Diagnostic): string =>
  `line ${file.getLineAndCharacterOfPosition(start).line + 1}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`

/** The names that a file exports by name, as it is written: `export { a, type B } from` and `export * as C from`. */
const writtenExports = (file: string): ReadonlySet<string> => {
  const names = new Set<string>()
  for (const node of ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest)
    .statements) {
    if (!ts.isExportDeclaration(node) || node.exportClause === undefined) continue
    if (ts.isNamespaceExport(node.exportClause)) names.add(node.exportClause.name.text)
    else for (const { name } of node.exportClause.elements) names.add(name.text)
  }
  return names
}

/** What may be imported without being asked for. */
const importable = (effect: string): Importable => {
  const library = writtenExports(door)
  // What is called as something of JavaScript's, `Number` or `Array`, is that.
  const modules = [...writtenExports(effect)].filter((name) => /^[A-Z]/.test(name) && !(name in globalThis))
  return { library, effect: new Set(modules.filter((name) => !library.has(name))) }
}

/**
 * What one line has only: of the platform packages of their own on 3, folders of `effect` on 4; of tests their context on 3.
 * `["]` keeps what compiles imports for line 4 from taking the expression for one.
 */
const ofOtherLine =
  line === 3
    ? /from "effect\/[\w-]+\//
    : /from "@effect\/platform\/|import .*\bTestContext\b.* from "effect["]/

/** Reads, compiles and checks all of them. Seconds long: once for a file of tests. */
export const checkExamples = (): Checked => {
  const options = settings()
  const all = findExamples()
  const examples = all.filter(({ code }) => !ofOtherLine.test(code))
  const effect = ts.resolveModuleName("effect", door, options, ts.sys).resolvedModule?.resolvedFileName ?? ""
  const names = importable(effect)
  const modules = new Map(
    examples.map((example, index) => [join(root, `test/docs/example${index}.ts`), asModule(example, names)])
  )
  const program = ts.createProgram({
    rootNames: [door, ...modules.keys()],
    options,
    host: hostOf(options, modules)
  })
  const checker = program.getTypeChecker()
  const files = [...modules.keys()].flatMap((file) => program.getSourceFile(file) ?? [])
  const read = readGetters(checker, files)
  const classes: Array<PublicClass> = []
  const bare: Array<string> = []
  for (const exported of exportsOf(checker, program.getSourceFile(door))) {
    if (isTypeOnly(exported)) continue
    const declarations = resolved(checker, exported).declarations ?? []
    for (const declaration of declarations) {
      if (!ts.isClassDeclaration(declaration)) continue
      const unread = publicGetters(declaration).filter((getter) => !read.has(getter))
      classes.push({
        name: exported.name,
        hasExample: hasTag(declaration, "example"),
        unread: unread.map((getter) => getter.name.getText())
      })
    }
    const callables = declarations.filter(
      (node) => ts.isFunctionDeclaration(node) || ts.isVariableDeclaration(node)
    )
    if (callables.length > 0 && !callables.some((node) => hasTag(node, "example"))) bare.push(exported.name)
  }
  return {
    classes,
    bare,
    others: all.filter((example) => !examples.includes(example)),
    examples: examples.map((example, index) => {
      const file = files[index]
      if (file === undefined) throw new Error(`${example.where} was not compiled`)
      const errors = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
      return { ...example, module: file.text, errors: errors.map((error) => text(file, error)) }
    })
  }
}

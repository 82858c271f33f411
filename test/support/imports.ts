// The checks behind architecture.test.ts: who imports whom under src, and which Effect names may be used where.
// Everything works on a Map of path -> text, so that a test can plant a bad file without writing one.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { builtinModules } from "node:module"
import { join, posix } from "node:path"
import ts from "typescript"
import { membersNotInEffect4, modulesNotInEffect4, namesNotInEffect4 } from "./effect4.js"

/** Path from the project's root, with forward slashes -> text. */
export type Sources = ReadonlyMap<string, string>

export interface Import {
  readonly specifier: string
  readonly line: number
  /** `import type`, `export type` and `import("x").T`: gone at run time. `import { type T }` is not, it still loads the file. */
  readonly typeOnly: boolean
}

interface Room {
  readonly name: string
  readonly holds: RegExp
  /** Rooms it may import from; its own floor is always allowed. */
  readonly below: ReadonlyArray<string>
  /** Rooms above it that it may name in `import type`, and why is said beside it. */
  readonly types?: ReadonlyArray<string>
  readonly packages: ReadonlyArray<RegExp>
}

const effect = /^effect(\/|$)/
const node = /^node:/

/** The ground of src/Loop, and what every capability may stand on. */
const ground = ["kernel", "seam", "ground"]
const house = [...ground, "host", "fiber", "closing", "inspect"]

/**
 * What a loop can hold of the system, a folder each. None knows another, but for those that are named here, and none knows
 * EffectLoop, EventLoop or Loop.
 */
const capability = (
  name: string,
  others: ReadonlyArray<string> = [],
  packages: ReadonlyArray<RegExp> = []
): Room => ({
  name,
  holds: new RegExp(`^src/Loop/${name}/`),
  below: [...house, ...others],
  packages: [effect, node, ...packages]
})

const capabilities: ReadonlyArray<Room> = [
  capability("stream"),
  capability("readers", [], [/^koffi$/]), // loaded at first use, where it is installed
  capability("signals"),
  capability("thread", ["parcel"]),
  capability("executor", ["parcel"], [/^piscina$/]),
  capability("process", ["stream"]),
  capability("worker"),
  capability("network", ["stream"]),
  capability("server", ["network"])
]

const loops = [...house, ...capabilities.map(({ name }) => name), "EffectLoop", "EventLoop", "Loop"]
const border = [...loops, "Adapter machinery", "Adapter"]

// The picture at the top of src/index.ts, as data. The first room whose pattern fits is the file's room. A file of src/Loop
// that is not named here stands in no room: the floor has room for these, and what is new has a folder.
const rooms: ReadonlyArray<Room> = [
  { name: "kernel", holds: /^src\/Loop\/kernel\//, below: [], packages: [] },
  {
    name: "ground",
    holds: /^src\/Loop\/(ports|errors|Settings)\.ts$/,
    below: ["kernel", "seam"],
    packages: [effect]
  },
  { name: "host", holds: /^src\/Loop\/host\//, below: ground, packages: [effect, node] },
  { name: "fiber", holds: /^src\/Loop\/fiber\//, below: [...ground, "host"], packages: [effect] },
  {
    name: "closing",
    holds: /^src\/Loop\/closing\//,
    below: [...ground, "host", "fiber"],
    packages: [effect]
  },
  {
    name: "inspect",
    holds: /^src\/Loop\/inspect\//,
    below: [...ground, "host", "fiber", "closing"],
    packages: [effect, node]
  },
  // Errors on their way between threads, for the two kinds of threads. Worker threads load it without a compiler.
  { name: "parcel", holds: /^src\/Loop\/parcel\//, below: ["kernel"], packages: [] },
  ...capabilities,
  {
    name: "EffectLoop",
    holds: /^src\/Loop\/EffectLoop\.ts$/,
    below: house,
    // A method of the service takes Effects that need the service: that is what it is for, and cannot be had otherwise.
    types: ["Loop"],
    packages: [effect]
  },
  {
    // The only file that knows all capabilities.
    name: "EventLoop",
    holds: /^src\/Loop\/EventLoop\.ts$/,
    below: [...house, ...capabilities.map(({ name }) => name), "EffectLoop"],
    packages: [effect]
  },
  // They compose: Node is reached through the host and the capabilities.
  { name: "Loop", holds: /^src\/Loop\/(Loop|SyncLoop)\.ts$/, below: loops, packages: [effect] },
  // What operations share. It never imports one.
  { name: "Adapter machinery", holds: /^src\/Adapter\/[^/]+\//, below: loops, packages: [effect] },
  {
    name: "Adapter",
    holds: /^src\/Adapter\/[^/]+$/,
    below: [...loops, "Adapter machinery"],
    packages: [effect]
  },
  // The types of line 4 are those of effect4.
  { name: "seam", holds: /^src\/effect(\.ts$|\/)/, below: [], packages: [effect, /^effect4(\/|$)/] },
  { name: "door", holds: /^src\/index(\.v\d+)?\.ts$/, below: border, packages: [] },
  // Doors of their own. Nobody imports them.
  {
    name: "platform",
    holds: /^src\/platform\//,
    below: border,
    packages: [effect, node, /^@effect\/platform(-node)?(\/|$)/]
  },
  { name: "testing", holds: /^src\/testing\//, below: border, packages: [effect, node] },
  // It knows nothing of the library but its names, so that ESLint loads little. What is not ESLint's is there for its types.
  {
    name: "eslint",
    holds: /^src\/eslint\//,
    below: [],
    packages: [node, /^eslint$/, /^typescript$/, /^@typescript-eslint\/utils$/]
  },
  // It runs in browsers: of the command it has the types of what it is told.
  { name: "page", holds: /^src\/cli\/page\//, below: [], types: ["cli"], packages: [/^uplot$/] },
  { name: "cli", holds: /^src\/cli\//, below: border, packages: [effect, node] }
]

const roomOf = (path: string) => rooms.find((room) => room.holds.test(path))

/** Every TypeScript file under a folder, and what worker threads load as JavaScript; empty when there is no such folder. */
export const readSources = (folder: string): Sources => {
  const out = new Map<string, string>()
  if (!existsSync(folder)) return out
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.([cm]?tsx?|mjs)$/.test(entry.name)) continue
    const path = join(entry.parentPath, entry.name).replaceAll("\\", "/")
    out.set(path, readFileSync(path, "utf8"))
  }
  return out
}

const parsed = new Map<string, ts.SourceFile>()

/** A file as the compiler sees it. Every check asks for the same ones. */
export const parse = (path: string, text: string): ts.SourceFile => {
  const key = `${path}\n${text}`
  const known = parsed.get(key)
  if (known !== undefined) return known
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  parsed.set(key, file)
  return file
}

const walk = (root: ts.Node, visit: (node: ts.Node) => void): void => {
  visit(root)
  root.forEachChild((child) => walk(child, visit))
}

const lineOf = (file: ts.SourceFile, node: ts.Node) =>
  file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1

/** Static imports, re-exports, `import()` expressions and `import()` types. */
export const importsOf = (path: string, text: string): ReadonlyArray<Import> => {
  const file = parse(path, text)
  const found: Array<Import> = []
  const add = (at: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean) => {
    if (specifier === undefined) return
    const known = ts.isStringLiteralLike(specifier) ? specifier.text : undefined
    found.push({ specifier: known ?? specifier.getText(file), line: lineOf(file, at), typeOnly })
  }
  walk(file, (at) => {
    if (ts.isImportDeclaration(at)) add(at, at.moduleSpecifier, at.importClause?.isTypeOnly ?? false)
    else if (ts.isExportDeclaration(at)) add(at, at.moduleSpecifier, at.isTypeOnly)
    else if (ts.isCallExpression(at) && at.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(at, at.arguments[0], false)
    else if (ts.isImportTypeNode(at))
      add(at, ts.isLiteralTypeNode(at.argument) ? at.argument.literal : at.argument, true)
    else if (ts.isImportEqualsDeclaration(at) && ts.isExternalModuleReference(at.moduleReference))
      add(at, at.moduleReference.expression, at.isTypeOnly)
  })
  return found
}

const isRelative = (specifier: string) => /^\.{1,2}(\/|$)/.test(specifier)

/** The file a relative import means, or undefined: import paths end in `.js` and stand for a `.ts` file, or in `.mjs`. */
const target = (sources: Sources, from: string, specifier: string): string | undefined => {
  if (!/\.m?js$/.test(specifier)) return undefined
  const path = posix.join(posix.dirname(from), specifier.replace(/\.js$/, ".ts"))
  return sources.has(path) ? path : undefined
}

const eachImport = (sources: Sources, check: (path: string, imported: Import) => string | undefined) =>
  [...sources].flatMap(([path, text]) =>
    importsOf(path, text).flatMap((imported) => {
      const problem = check(path, imported)
      return problem === undefined ? [] : [`${path}:${imported.line} ${problem}`]
    })
  )

/** Imports go downstairs or stay on the floor. */
export const stairs = (sources: Sources): ReadonlyArray<string> => [
  ...[...sources.keys()].filter((path) => !roomOf(path)).map((path) => `${path} stands in no room`),
  ...eachImport(sources, (path, { specifier, typeOnly }) => {
    const room = roomOf(path)
    if (room === undefined) return undefined
    if (!isRelative(specifier)) {
      return room.packages.some((allowed) => allowed.test(specifier))
        ? undefined
        : `imports ${specifier}, which ${room.name} may not`
    }
    const file = target(sources, path, specifier)
    if (file === undefined) return `imports ${specifier}, which is no .ts file of src (paths end in .js)`
    const other = roomOf(file)
    return other === undefined ||
      other === room ||
      room.below.includes(other.name) ||
      (typeOnly && room.types?.includes(other.name))
      ? undefined
      : `imports ${file}: ${room.name} may not go up to ${other.name}`
  })
]

/** Node is reached from the rooms that may: the host, the capabilities, and the doors of their own. */
export const nodeImports = (sources: Sources): ReadonlyArray<string> =>
  eachImport(sources, (path, { specifier }) => {
    if (builtinModules.includes(specifier)) return `imports ${specifier}; write node:${specifier}`
    const room = roomOf(path)
    if (!node.test(specifier) || room === undefined || room.packages.includes(node)) return undefined
    return `imports ${specifier}; ${room.name} may not use Node, the host and the capabilities do`
  })

/** A barrel is for users. Inside src every file names the file it needs. */
export const barrels = (sources: Sources): ReadonlyArray<string> =>
  eachImport(sources, (path, { specifier }) => {
    if (/^effect-aio(\/|$)/.test(specifier)) return `imports the package by its own name, ${specifier}`
    if (!isRelative(specifier)) return undefined
    const file = posix.join(posix.dirname(path), specifier)
    return /(^|\/)index(\.v\d+)?(\.[cm]?[jt]s)?$/.test(file) || !/\.[cm]?[jt]s$/.test(file)
      ? `imports the barrel or folder ${specifier}`
      : undefined
  })

/** Each cycle of run-time imports once, as `a -> b -> a`. */
export const cycles = (sources: Sources): ReadonlyArray<string> => {
  const found = new Set<string>()
  const finished = new Set<string>()
  const visit = (path: string, trail: ReadonlyArray<string>): void => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      const ring = trail.slice(start)
      const first = ring.indexOf([...ring].sort()[0]!)
      const turned = [...ring.slice(first), ...ring.slice(0, first)]
      found.add([...turned, turned[0]].join(" -> "))
      return
    }
    if (finished.has(path)) return
    for (const { specifier, typeOnly } of importsOf(path, sources.get(path)!)) {
      const next = typeOnly || !isRelative(specifier) ? undefined : target(sources, path, specifier)
      if (next !== undefined) visit(next, [...trail, path])
    }
    finished.add(path)
  }
  for (const path of sources.keys()) visit(path, [])
  return [...found].sort()
}

const gone = (module: string, name: string) =>
  modulesNotInEffect4.has(module) || (namesNotInEffect4.get(module)?.has(name) ?? false)

/** Effect names that Effect 4 lacks, or has with another meaning, are used in the seam and nowhere else. */
export const seamNames = (sources: Sources): ReadonlyArray<string> =>
  [...sources].flatMap(([path, text]) => {
    // What the platform's packages of one line need is written for it.
    if (roomOf(path)?.name === "seam" || /^src\/platform\/(three|four)\//.test(path)) return []
    const file = parse(path, text)
    const problems: Array<string> = []
    const report = (at: ts.Node, name: string) =>
      problems.push(
        `${path}:${lineOf(file, at)} uses ${name}, which differs in Effect 4; take it from the seam`
      )
    const modules = new Map<string, string>() // local name -> Effect module
    let effectIsImported = false

    const readImport = (at: ts.ImportDeclaration | ts.ExportDeclaration) => {
      if (!at.moduleSpecifier || !ts.isStringLiteral(at.moduleSpecifier)) return
      const specifier = at.moduleSpecifier.text
      if (!effect.test(specifier)) return
      effectIsImported = true
      const module = specifier === "effect" ? undefined : specifier.slice("effect/".length)
      if (module !== undefined && modulesNotInEffect4.has(module)) report(at, module)
      const bindings = ts.isImportDeclaration(at) ? at.importClause?.namedBindings : at.exportClause
      if (bindings === undefined) return
      if (ts.isNamespaceImport(bindings)) {
        if (module !== undefined) modules.set(bindings.name.text, module)
      } else if (!ts.isNamespaceExport(bindings)) {
        for (const element of bindings.elements) {
          const name = (element.propertyName ?? element.name).text
          if (module === undefined) {
            modules.set(element.name.text, name)
            if (modulesNotInEffect4.has(name)) report(element, name)
          } else if (gone(module, name)) report(element, `${module}.${name}`)
        }
      }
    }

    walk(file, (at) => {
      if (ts.isImportDeclaration(at) || ts.isExportDeclaration(at)) return readImport(at)
      const [left, right] = ts.isPropertyAccessExpression(at)
        ? [at.expression, at.name]
        : ts.isQualifiedName(at)
          ? [at.left, at.right]
          : []
      if (left === undefined || right === undefined) return
      const module = ts.isIdentifier(left) ? modules.get(left.text) : undefined
      if (module !== undefined) {
        // A module that is gone altogether was reported once, at its import.
        if (!modulesNotInEffect4.has(module) && gone(module, right.text))
          report(at, `${module}.${right.text}`)
      } else if (effectIsImported && membersNotInEffect4.has(right.text)) report(at, `.${right.text}`)
    })
    return problems
  })

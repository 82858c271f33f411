/** What the names in a file stand for, as far as the file says it: imports, aliases of them, and globals. */
import type { TSESLint, TSESTree } from "@typescript-eslint/utils"
import { isFunction, keyOf, memberName, unwrap, type FunctionNode } from "./nodes.js"
import type { SourceCode } from "./Rule.js"

/** An alias of an alias of an alias: further is not looked. */
const DEPTH = 30

/** What a module is called, whichever way it is named: `node:fs` is `fs`, and `effect/Effect` is a part of `effect`. */
const moduleName = (specifier: string): string =>
  specifier.replace(/^node:/, "").replace(/^effect\/(?=[A-Z]\w*$)/, "effect.")

/** Node's modules of promises are members of others, too. */
const normal = (name: string): string =>
  name.replace(/^(fs|timers|stream|dns|readline)\.promises(?=\.|$)/, "$1/promises")

const hosts = new Set(["globalThis", "global", "window", "self"])

/**
 * Names are told as paths: `effect.Effect.map`, `effect-aio.fromAio`, `fs/promises.readFile`, and `global.fetch` for what
 * nothing in the file declares.
 */
export class Names {
  static readonly #known = new WeakMap<SourceCode, Names>()
  readonly #sourceCode: SourceCode
  readonly #paths = new Map<TSESLint.Scope.Variable, string | undefined>()
  readonly #modules: ReadonlySet<string>

  /** Every rule asks for the same file. */
  static of(sourceCode: SourceCode): Names {
    const known = Names.#known.get(sourceCode)
    if (known !== undefined) return known
    const names = new Names(sourceCode)
    Names.#known.set(sourceCode, names)
    return names
  }

  private constructor(sourceCode: SourceCode) {
    this.#sourceCode = sourceCode
    this.#modules = new Set(sourceCode.ast.body.flatMap(modulesOf))
  }

  /** Whether the file imports the package, or a module of it. */
  imports(name: string): boolean {
    return [...this.#modules].some((module) => module === name || module.startsWith(`${name}/`))
  }

  /** What a name means at a node of the file. `undefined` where nothing in the file declares it. */
  at(name: string, node: TSESTree.Node): TSESLint.Scope.Variable | undefined {
    let scope: TSESLint.Scope.Scope | null = this.#sourceCode.getScope(node)
    for (; scope !== null; scope = scope.upper) {
      const variable = scope.set.get(name)
      if (variable !== undefined) return variable.defs.length === 0 ? undefined : variable
    }
    return undefined
  }

  /** What the expression stands for, where the file says so. */
  path(node: TSESTree.Node, depth = 0): string | undefined {
    const at = unwrap(node)
    if (depth > DEPTH) return undefined
    if (at.type === "Identifier") {
      const variable = this.at(at.name, at)
      if (variable !== undefined) return this.pathOf(variable, depth + 1)
      return hosts.has(at.name) ? "global" : `global.${at.name}`
    }
    if (at.type === "MemberExpression") {
      const object = this.path(at.object, depth + 1)
      const name = memberName(at)
      return object === undefined || name === undefined ? undefined : normal(`${object}.${name}`)
    }
    const required = requiredBy(at)
    return required === undefined ? undefined : moduleName(required)
  }

  /** The function that an expression is, or names, in this file. */
  functionOf(node: TSESTree.Node): FunctionNode | undefined {
    const at = unwrap(node)
    if (isFunction(at)) return at
    const variable = at.type === "Identifier" ? this.at(at.name, at) : undefined
    const [definition, another] = variable?.defs ?? []
    if (definition === undefined || another !== undefined) return undefined
    if (isFunction(definition.node)) return definition.type === "FunctionName" ? definition.node : undefined
    const init = constantOf(definition)
    return init !== undefined && isFunction(init) ? init : undefined
  }

  /** The name by which a function of this file is called in it. */
  variableOf(fn: FunctionNode): TSESLint.Scope.Variable | undefined {
    const id = fn.type === "FunctionDeclaration" ? fn.id : nameGiven(fn)
    return id?.type === "Identifier" ? this.at(id.name, id) : undefined
  }

  /** What a variable stands for. */
  pathOf(variable: TSESLint.Scope.Variable, depth = 0): string | undefined {
    if (this.#paths.has(variable)) return this.#paths.get(variable)
    this.#paths.set(variable, undefined) // for those that are declared by themselves
    const [definition] = variable.defs
    const path = definition === undefined ? undefined : this.#declared(definition, variable.name, depth)
    this.#paths.set(variable, path)
    return path
  }

  #declared(definition: TSESLint.Scope.Definition, name: string, depth: number): string | undefined {
    if (definition.type === "ImportBinding") return imported(definition.node)
    if (definition.type !== "Variable" || definition.parent.kind !== "const") return undefined
    const { id, init } = definition.node
    if (init === null) return undefined
    const source = this.path(init, depth + 1)
    if (source === undefined || id.type === "Identifier") return source
    if (id.type !== "ObjectPattern") return undefined
    const property = id.properties.find(
      (property): property is TSESTree.Property =>
        property.type === "Property" && property.value.type === "Identifier" && property.value.name === name
    )
    const key = property && keyOf(property)
    return key === undefined ? undefined : normal(`${source}.${key}`)
  }
}

const constantOf = (definition: TSESLint.Scope.Definition): TSESTree.Node | undefined => {
  if (definition.type !== "Variable" || definition.parent.kind !== "const") return undefined
  const { id, init } = definition.node
  return id.type === "Identifier" && init !== null ? unwrap(init) : undefined
}

const nameGiven = (fn: FunctionNode): TSESTree.Node | undefined => {
  let at: TSESTree.Node = fn
  while (at.parent !== undefined && unwrap(at.parent) === fn) at = at.parent
  return at.parent?.type === "VariableDeclarator" && at.parent.init === at ? at.parent.id : undefined
}

/** The specifier of `require("x")`. */
const requiredBy = (node: TSESTree.Node): string | undefined => {
  if (node.type !== "CallExpression" || node.callee.type !== "Identifier" || node.callee.name !== "require")
    return undefined
  const [specifier] = node.arguments
  return specifier?.type === "Literal" && typeof specifier.value === "string" ? specifier.value : undefined
}

/** The specifier of `import x = require("x")`. */
const equalled = ({ moduleReference }: TSESTree.TSImportEqualsDeclaration): string | undefined =>
  moduleReference.type === "TSExternalModuleReference" && moduleReference.expression.type === "Literal"
    ? String(moduleReference.expression.value)
    : undefined

const given = (name: string | undefined): ReadonlyArray<string> => (name === undefined ? [] : [name])

const modulesOf = (statement: TSESTree.ProgramStatement): ReadonlyArray<string> => {
  if (statement.type === "ImportDeclaration")
    return statement.importKind === "type" ? [] : [statement.source.value]
  if (statement.type === "TSImportEqualsDeclaration") return given(equalled(statement))
  if (statement.type !== "VariableDeclaration") return []
  return statement.declarations.flatMap(({ init }) => (init === null ? [] : given(requiredBy(unwrap(init)))))
}

const imported = (node: TSESLint.Scope.Definitions.ImportBindingDefinition["node"]): string | undefined => {
  const declaration = node.parent
  if (node.type === "TSImportEqualsDeclaration") {
    const required = equalled(node)
    return required === undefined ? undefined : moduleName(required)
  }
  if (declaration?.type !== "ImportDeclaration") return undefined
  const module = moduleName(declaration.source.value)
  if (node.type !== "ImportSpecifier") return module // all of it; of Node's modules the default is the same
  const name = node.imported.type === "Identifier" ? node.imported.name : node.imported.value
  return normal(`${module}.${name}`)
}

/** What the compiler knows of an expression, where the file was parsed by typescript-eslint with type information. */
import type { ParserServicesWithTypeInformation, TSESTree } from "@typescript-eslint/utils"
import type ts from "typescript"
import type { SourceCode } from "./Rule.js"

type Services = ParserServicesWithTypeInformation

const partsOf = (type: ts.Type): ReadonlyArray<ts.Type> => (type.isUnion() ? type.types : [type])

export class Types {
  static readonly #known = new WeakMap<SourceCode, Types>()
  readonly #services: Services
  readonly #checker: ts.TypeChecker

  static of(sourceCode: SourceCode): Types | undefined {
    const services = sourceCode.parserServices
    if (!isTyped(services)) return undefined
    const known = Types.#known.get(sourceCode)
    if (known !== undefined) return known
    const types = new Types(services)
    Types.#known.set(sourceCode, types)
    return types
  }

  private constructor(services: Services) {
    this.#services = services
    this.#checker = services.program.getTypeChecker()
  }

  /** Nothing is known of what is `any`, and of what could not be resolved. */
  isKnown(node: TSESTree.Node): boolean {
    return this.#checker.typeToString(this.#services.getTypeAtLocation(node)) !== "any"
  }

  /** Whether it may be a promise, whose work has begun. A thenable that begins when it is awaited, as a query, is none. */
  isPromise(node: TSESTree.Node): boolean {
    return partsOf(this.#services.getTypeAtLocation(node)).some((type) => this.#extendsPromise(type))
  }

  /** Whether it may be called, and may give a promise. */
  givesPromise(node: TSESTree.Node): boolean {
    return this.#services
      .getTypeAtLocation(node)
      .getCallSignatures()
      .some((signature) => partsOf(signature.getReturnType()).some((type) => this.#extendsPromise(type)))
  }

  /** Whether it may be a Future of a loop. */
  isFuture(node: TSESTree.Node): boolean {
    return partsOf(this.#services.getTypeAtLocation(node)).some(isFuture)
  }

  /**
   * Which argument of the call may have an AbortSignal as its `signal`, counted from 0. Only of calls that give a promise: a
   * signal of what is over at once stops something else.
   */
  signalArgument(node: TSESTree.CallExpression): number | undefined {
    const signatures = this.#services.getTypeAtLocation(node.callee).getCallSignatures()
    const at = this.#services.esTreeNodeToTSNodeMap.get(node)
    for (const signature of signatures) {
      if (!partsOf(signature.getReturnType()).some((type) => this.#extendsPromise(type))) continue
      const index = signature.parameters.findIndex((parameter) =>
        partsOf(this.#checker.getTypeOfSymbolAtLocation(parameter, at)).some((type) =>
          this.#hasSignal(type, at)
        )
      )
      if (index >= 0) return index
    }
    return undefined
  }

  #hasSignal(type: ts.Type, at: ts.Node): boolean {
    const signal = type.getProperty("signal")
    if (signal === undefined) return false
    return partsOf(this.#checker.getTypeOfSymbolAtLocation(signal, at)).some(
      (type) => type.getSymbol()?.name === "AbortSignal"
    )
  }

  /** A promise, or of a class that extends it. An interface that extends it may be anything. */
  #extendsPromise(type: ts.Type): boolean {
    if (isFuture(type)) return false
    let symbol = type.getSymbol()
    // A class that is its own ancestor is an error of the program's.
    for (let depth = 0; symbol !== undefined && depth < 20; depth++) {
      if (symbol.name === "Promise") return true
      const declared: ts.Type = this.#checker.getDeclaredTypeOfSymbol(symbol)
      symbol = declared.isClass() ? declared.getBaseTypes()?.[0]?.getSymbol() : undefined
    }
    return false
  }
}

/** Another parser, and this one without types, has no program. */
const isTyped = (services: SourceCode["parserServices"]): services is Services => services?.program != null

/** Futures of other releases, and their subclasses, are Futures. */
const isFuture = (type: ts.Type): boolean =>
  type.getProperty("addDoneCallback") !== undefined && type.getProperty("then") !== undefined

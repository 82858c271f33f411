/** Which expressions are promises: as the types say, and without types as far as their text does. */
import type { TSESTree } from "@typescript-eslint/utils"
import { Names } from "./Names.js"
import { isAsync, isFunction, memberName, returned, unwrap } from "./nodes.js"
import type { SourceCode } from "./Rule.js"
import { Types } from "./Types.js"

const known: ReadonlyArray<RegExp> = [
  /^global\.fetch$/,
  /^global\.Promise\.(all|allSettled|any|race|reject|resolve|try)$/,
  /^fs\/promises\.(?!constants\b|watch$)\w+$/,
  /^timers\/promises\.(setTimeout|setImmediate|scheduler\.\w+)$/,
  /^stream\/promises\.\w+$/,
  /^dns\/promises\.(lookup|resolve|reverse)\w*$/,
  /^events\.once$/,
  /^undici\.(fetch|request|stream|pipeline)$/,
  /^effect\.Effect\.runPromise(Exit)?$/
]

export class Promises {
  readonly #names: Names
  readonly #sourceCode: SourceCode
  readonly #types: Types | undefined

  constructor(sourceCode: SourceCode) {
    this.#sourceCode = sourceCode
    this.#names = Names.of(sourceCode)
    this.#types = Types.of(sourceCode)
  }

  /** Whether the expression is a promise, and its work has begun. */
  isPromise(node: TSESTree.Node): boolean {
    const types = this.#types
    return types?.isKnown(node) === true ? types.isPromise(node) : this.#looksLikePromise(node)
  }

  /** What of a function that is called makes it one that gives a promise: the function, or a value that it returns. */
  givesPromise(node: TSESTree.Node): TSESTree.Node | undefined {
    const fn = this.#names.functionOf(node)
    if (fn === undefined) return this.#types?.givesPromise(node) === true ? node : undefined
    if (fn.generator) return undefined
    // Elsewhere declared, the place where it is given is what is to be changed.
    const found = isAsync(fn) ? fn : returned(this.#sourceCode, fn).find((value) => this.isPromise(value))
    return found === undefined || unwrap(node) === fn ? found : node
  }

  #looksLikePromise(node: TSESTree.Node): boolean {
    // Along `a.then(b).then(c)`, from its end.
    for (let at = unwrap(node); ;) {
      if (at.type === "ImportExpression") return true
      if (at.type === "NewExpression") return this.#names.path(at.callee) === "global.Promise"
      if (at.type !== "CallExpression") return false
      const callee = unwrap(at.callee)
      const name = callee.type === "MemberExpression" ? memberName(callee) : undefined
      if (name === "then" && at.arguments.length > 0) return true
      if (callee.type === "MemberExpression" && (name === "catch" || name === "finally")) {
        at = unwrap(callee.object)
        continue
      }
      const fn = isFunction(callee) ? callee : this.#names.functionOf(callee)
      if (fn !== undefined) return isAsync(fn)
      const path = this.#names.path(callee)
      return path !== undefined && known.some((one) => one.test(path))
    }
  }
}

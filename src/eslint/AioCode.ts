/** Which functions run as the code of a task, where `currentSignal()` is there: those that are given to who starts tasks. */
import type { TSESTree } from "@typescript-eslint/utils"
import { Names } from "./Names.js"
import { functionAround, keyOf, memberName, unwrap, wrapped, type FunctionNode } from "./nodes.js"
import type { SourceCode } from "./Rule.js"

/** What calls an argument in a task: which one, and which property of it, where that is an object. */
const starters: ReadonlyMap<string, { readonly argument: number; readonly property?: string }> = new Map([
  ["effect-aio.fromAio", { argument: 0, property: "try" }],
  ["effect-aio.runAioCoroutine", { argument: 0 }],
  ["effect-aio.runAioGenerator", { argument: 0, property: "try" }],
  ["effect-aio.acquireAio", { argument: 0, property: "open" }],
  ["effect-aio.waitFor", { argument: 0 }],
  ["effect-aio.timeout", { argument: 1 }],
  ["effect-aio.TaskGroup.run", { argument: 0 }]
])

/** Methods of loops and groups. A file that uses the library has no others of these names. */
const methods = new Set(["createTask", "runUntilComplete"])

/** Who calls what it is given before it returns, or when a promise settles: in the same task. */
const callers = new Set([
  ...["every", "filter", "find", "flatMap", "forEach", "map", "reduce", "some", "sort"],
  ...["then", "catch", "finally"]
])

/** The code of one task. */
export interface TaskCode {
  /** What the task was made of. */
  readonly fn: FunctionNode
  /** Who was given it, as {@link Names} tell it; of a method its name. */
  readonly starter: string
}

export class AioCode {
  static readonly #known = new WeakMap<SourceCode, AioCode>()
  readonly #names: Names
  readonly #seen = new Map<FunctionNode, TaskCode | undefined>()

  static of(sourceCode: SourceCode): AioCode {
    const known = AioCode.#known.get(sourceCode)
    if (known !== undefined) return known
    const code = new AioCode(Names.of(sourceCode))
    AioCode.#known.set(sourceCode, code)
    return code
  }

  private constructor(names: Names) {
    this.#names = names
  }

  /** The task in which the node runs. */
  taskAround(node: TSESTree.Node): TaskCode | undefined {
    const fn = functionAround(node)
    return fn === undefined ? undefined : this.taskOf(fn)
  }

  /** The task that calls this function, or is made of it. */
  taskOf(fn: FunctionNode): TaskCode | undefined {
    if (this.#seen.has(fn)) return this.#seen.get(fn)
    this.#seen.set(fn, undefined) // for those that call themselves
    const starter = this.#starterOf(wrapped(fn))
    const task = starter === undefined ? (this.#calledInline(fn) ?? this.#calledByName(fn)) : { fn, starter }
    this.#seen.set(fn, task)
    return task
  }

  /** Who makes a task of what stands here. */
  #starterOf(node: TSESTree.Node): string | undefined {
    const { parent } = node
    if (parent?.type === "CallExpression") {
      const callee = unwrap(parent.callee)
      const method = callee.type === "MemberExpression" ? memberName(callee) : undefined
      if (method !== undefined && methods.has(method))
        return parent.arguments[0] === node ? method : undefined
      const path = this.#names.path(callee) ?? ""
      const starter = starters.get(path)
      return starter !== undefined && parent.arguments[starter.argument] === node ? path : undefined
    }
    if (parent?.type !== "Property" || parent.value !== node) return undefined
    const object = parent.parent
    const call = object.parent
    if (call?.type !== "CallExpression" || call.arguments[0] !== object) return undefined
    const path = this.#names.path(call.callee) ?? ""
    const property = starters.get(path)?.property
    return property !== undefined && property === keyOf(parent) ? path : undefined
  }

  /** `items.map(() => …)`, `promise.then(() => …)`, `(async () => …)()`. */
  #calledInline(fn: FunctionNode): TaskCode | undefined {
    const node = wrapped(fn)
    const { parent } = node
    if (parent?.type !== "CallExpression") return undefined
    const callee = unwrap(parent.callee)
    const inline =
      callee === fn ||
      (callee.type === "MemberExpression" &&
        callers.has(memberName(callee) ?? "") &&
        !this.#isOfModule(callee))
    return inline ? this.taskAround(parent) : undefined
  }

  /** `Effect.map` is no method of an array. */
  #isOfModule(callee: TSESTree.MemberExpression): boolean {
    return /^effect\./.test(this.#names.path(callee) ?? "")
  }

  /** By its name: given to who starts tasks, or called in nothing but tasks. */
  #calledByName(fn: FunctionNode): TaskCode | undefined {
    const references = (this.#names.variableOf(fn)?.references ?? []).filter(
      (one) => !one.init && one.isRead()
    )
    let found: TaskCode | undefined
    for (const { identifier } of references) {
      const node = wrapped(identifier)
      const starter = this.#starterOf(node)
      if (starter !== undefined) return { fn, starter }
      const { parent } = node
      const called = parent?.type === "CallExpression" && parent.callee === node
      const task = called ? this.taskAround(parent) : undefined
      if (task === undefined) return undefined
      found ??= task
    }
    return found
  }
}

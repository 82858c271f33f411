/** Fibers that nobody owns: they outlive the Scope of the loop that they use. */
import type { TSESLint, TSESTree } from "@typescript-eslint/utils"
import { AioCode } from "../AioCode.js"
import { using } from "../edits.js"
import { Names } from "../Names.js"
import {
  functionAround,
  isFunction,
  memberName,
  someBelow,
  unwrap,
  wrapped,
  type FunctionNode
} from "../nodes.js"
import { everywhereOption, isEverywhere } from "../everywhere.js"
import { docsOf, type Rule, type SourceCode, type Suggestions } from "../Rule.js"

type Messages = "fork" | "runInTask" | "runInEffect" | "forkScoped" | "runEffect"

/** Of Effect 3, and of Effect 4. */
const forks = new Set(["effect.Effect.forkDaemon", "effect.Effect.forkDetach"])
/** `runSync` waits. */
const runners = /^effect\.(Effect|Runtime)\.run(Fork|Callback|Promise|PromiseExit)(With)?$/

export const noOutlivingFiber: Rule<Messages> = {
  meta: {
    type: "problem",
    docs: docsOf("no-outliving-fiber", "Disallow fibers that outlive the loop whose code starts them"),
    hasSuggestions: true,
    ...everywhereOption,
    messages: {
      fork:
        "This fiber outlives the Scope of its loop: after that is closed its calls fail with LoopClosedError, and nobody waits " +
        "for its finalizers. Use Effect.forkScoped, or Effect.forkIn with a Scope inside of the loop's.",
      runInTask:
        "Nobody owns this fiber: it does not see the services and the span of its caller, cancelling the task does not " +
        "interrupt it, and the loop closes without it. Use runEffect(effect), or runEffectTask(effect) in the background.",
      runInEffect:
        "Nobody owns this fiber: it does not see the services and the span of this one, and nothing interrupts it or waits for " +
        "it. yield* the Effect, fork it (Effect.fork, on Effect 4 Effect.forkChild, or Effect.forkScoped), or give callbacks a function of yield* toAio(fn).",
      forkScoped: "Fork it into the Scope: Effect.forkScoped.",
      runEffect: "Run it as the task's: runEffect."
    }
  },
  create(context) {
    const { options, sourceCode } = context
    const names = Names.of(sourceCode)
    if (!names.imports("effect")) return {}
    if (!isEverywhere(options[0]) && !names.imports("effect-aio")) return {}
    const code = AioCode.of(sourceCode)

    /** Whether a fiber runs the function: it stands among the arguments of a function of Effect's. */
    const seen = new Map<FunctionNode, boolean>()
    const isOfFiber = (fn: FunctionNode): boolean => {
      const known = seen.get(fn)
      if (known !== undefined) return known
      seen.set(fn, false)
      const node = wrapped(fn)
      const call = node.parent?.type === "Property" ? node.parent.parent.parent : node.parent
      let path: string | undefined
      if (call?.type === "CallExpression") {
        const callee = unwrap(call.callee)
        if (callee === fn) return remember(fn, around(call))
        path = names.path(callee.type === "CallExpression" ? callee.callee : callee)
      }
      // What listens to an emitter, or is given away otherwise, is called by whoever has it.
      return remember(fn, path !== undefined && fiber.test(path) && !runners.test(path))
    }
    const remember = (fn: FunctionNode, is: boolean): boolean => {
      seen.set(fn, is)
      return is
    }
    const around = (node: TSESTree.Node): boolean => {
      const fn = functionAround(node)
      return fn !== undefined && isOfFiber(fn)
    }

    const checkFork = (node: TSESTree.Node): void => {
      if (isInterrupted(names, node)) return
      context.report({ node, messageId: "fork", suggest: scoping(names, node) })
    }

    return {
      MemberExpression(node) {
        if (forks.has(names.path(node) ?? "")) checkFork(node)
      },
      Identifier(node) {
        // `const { forkDaemon } = Effect`, where it is used.
        if (!isUse(node) || !forks.has(names.path(node) ?? "")) return
        checkFork(node)
      },
      CallExpression(node) {
        const path = names.path(node.callee)
        if (path === undefined || !runners.test(path)) return
        if (opensItsOwn(names, node) || endsAtOnce(names, node) || isGivenSignal(sourceCode, node)) return
        if (isOwned(names, node) || isOnlyMade(node, path)) return
        const inTask = code.taskAround(node) !== undefined
        if (!inTask && !listens(node, around)) return
        context.report({
          node: node.callee,
          messageId: inTask ? "runInTask" : "runInEffect",
          suggest: inTask && path === "effect.Effect.runPromise" ? running(sourceCode, node) : []
        })
      }
    }
  }
}

/** What is given functions that a fiber calls. */
const fiber =
  /^effect\.(Effect|Stream|Layer|Sink|Channel|Schedule|Queue|Scope)\.\w+$|^effect-aio\.(toAio|allowAio)$/

/** In code of a fiber; also in a callback that this code gives away. */
const listens = (node: TSESTree.Node, around: (node: TSESTree.Node) => boolean): boolean => {
  let at: TSESTree.Node | undefined = node
  while (at !== undefined) {
    if (around(at)) return true
    at = functionAround(at)
  }
  return false
}

/** A program that opens a loop around what it runs waits for all of it. */
const opensItsOwn = (names: Names, call: TSESTree.CallExpression): boolean => {
  const [first] = call.arguments
  const given = first && unwrap(first)
  return given?.type === "CallExpression" && names.path(given.callee) === "effect-aio.Loop.scoped"
}

/** Effects that wait for nothing: a callback that tells a fiber something. */
const atOnce =
  /^effect\.(Deferred\.(?!await|poll)\w+|Queue\.(offer|offerAll|end|fail|done|shutdown)|PubSub\.publish(All)?|(Subscription)?Ref\.(set|update)|Latch\.\w+)$/

const endsAtOnce = (names: Names, { arguments: [given] }: TSESTree.CallExpression): boolean => {
  const effect = given && unwrap(given)
  return effect?.type === "CallExpression" && atOnce.test(names.path(effect.callee) ?? "")
}

/** `runPromise(effect, { signal })`: who waits for it may interrupt it. */
const isGivenSignal = (sourceCode: SourceCode, { arguments: given }: TSESTree.CallExpression): boolean =>
  given
    .slice(1)
    .some((argument) =>
      someBelow(sourceCode, argument, (at) => at.type === "Identifier" && at.name === "signal")
    )

/** Who keeps fibers, and ends them with a Scope. */
const keepers = /^effect\.(Fiber\.runIn|Fiber(Set|Map|Handle)\.\w+)$/

/** Given to a keeper, here or as what `runForkWith(context)(effect)` gives. */
const isOwned = (names: Names, call: TSESTree.CallExpression): boolean => {
  let node = wrapped(call)
  if (node.parent?.type === "CallExpression" && node.parent.callee === node) node = wrapped(node.parent)
  const { parent } = node
  return (
    parent?.type === "CallExpression" &&
    parent.callee !== node &&
    keepers.test(names.path(parent.callee) ?? "")
  )
}

/** `const runFork = Runtime.runFork(runtime)` starts nothing: that is for callbacks, and who owns what they start is not seen. */
const isOnlyMade = (call: TSESTree.CallExpression, path: string): boolean => {
  if (!path.endsWith("With") && !path.startsWith("effect.Runtime.")) return false
  if (call.arguments.length > 1) return false
  const { parent } = wrapped(call)
  return parent?.type !== "CallExpression"
}

/** `const fiber = yield* Effect.forkDaemon(…)`, whose fiber is interrupted by name: it has an owner. */
const isInterrupted = (names: Names, fork: TSESTree.Node): boolean => {
  let at = wrapped(fork)
  while (
    at.parent?.type === "CallExpression" ||
    at.parent?.type === "MemberExpression" ||
    at.parent?.type === "YieldExpression"
  )
    at = at.parent
  const { parent } = at
  if (parent?.type !== "VariableDeclarator" || parent.init !== at || parent.id.type !== "Identifier")
    return false
  const { references = [] } = names.at(parent.id.name, parent.id) ?? {}
  return references.some(({ identifier }) => {
    const call = wrapped(identifier).parent
    return call?.type === "CallExpression" && /^effect\.Fiber\.interrupt/.test(names.path(call.callee) ?? "")
  })
}

/** Not where it is declared or imported, nor the name of a member. */
const isUse = (node: TSESTree.Identifier): boolean => {
  const { parent } = node
  switch (parent.type) {
    case "CallExpression":
      return true
    case "MemberExpression":
    case "ImportSpecifier":
    case "ExportSpecifier":
    case "Property":
    case "VariableDeclarator":
      return false
    default:
      return !isFunction(parent)
  }
}

const scoping = (names: Names, node: TSESTree.Node): Suggestions<Messages> => {
  if (node.type !== "MemberExpression" || memberName(node) === undefined || node.computed) return []
  if (names.path(node.object) !== "effect.Effect") return []
  return [{ messageId: "forkScoped", fix: (fixer) => fixer.replaceText(node.property, "forkScoped") }]
}

const running = (sourceCode: SourceCode, call: TSESTree.CallExpression): Suggestions<Messages> => {
  const ours = using(sourceCode, call, "runEffect")
  if (ours === undefined) return []
  const fix: TSESLint.ReportFixFunction = (fixer) => [
    ...ours.imports(fixer),
    fixer.replaceText(call.callee, ours.text)
  ]
  return [{ messageId: "runEffect", fix }]
}

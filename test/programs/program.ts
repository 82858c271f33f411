/** What random programs are made of: trees of Effects and of aio code that call each other, and how it all ends. */
import * as fc from "fast-check"

/** How long something takes: microtasks, turns of Node, or milliseconds of the loop's clock. */
export interface Pause {
  readonly turns: number
  readonly how: "microtask" | "node" | "clock"
}

/** A resource, by how it behaves while it is opened and closed. */
export interface ResourceScript {
  readonly open: Pause
  readonly close: Pause
  readonly fails: "open" | "close" | "no"
  /** Plain functions, async functions that heed the loop's cancel, generators, or promises that heed nothing. */
  readonly kind: "sync" | "async" | "generator" | "deaf"
  readonly by: "acquireAio" | "disposable"
}

/** An async generator and the Stream over it. */
export interface StreamScript {
  readonly items: number
  readonly pause: Pause
  readonly fails: "body" | "finally" | "both" | "no"
  /** How long its `finally` takes. */
  readonly cleanup: Pause
  readonly chunkSize: number
  readonly use: "drain" | "take" | "fail"
  /** After how many items it is left. */
  readonly after: number
}

export type EffectNode =
  | { readonly node: "pause"; readonly pause: Pause }
  | { readonly node: "fail"; readonly how: "fail" | "die" }
  | { readonly node: "acquire"; readonly resource: ResourceScript }
  | { readonly node: "call"; readonly kind: "async" | "generator"; readonly steps: ReadonlyArray<AioNode> }
  | { readonly node: "stream"; readonly stream: StreamScript }
  | { readonly node: "both"; readonly left: EffectSteps; readonly right: EffectSteps }
  | { readonly node: "timeout"; readonly ms: number; readonly steps: EffectSteps }
  | { readonly node: "attempt"; readonly steps: EffectSteps }
  | { readonly node: "fork"; readonly steps: EffectSteps; readonly before: Pause }
  | { readonly node: "finalizer"; readonly pause: Pause; readonly fails: boolean }
  | { readonly node: "nested"; readonly steps: EffectSteps }

export type AioNode =
  | { readonly node: "pause"; readonly pause: Pause }
  | { readonly node: "throw" }
  | { readonly node: "effect"; readonly by: "runEffect" | "toAio"; readonly steps: EffectSteps }
  | { readonly node: "background"; readonly steps: EffectSteps; readonly cancelAfter: Pause | undefined }
  | { readonly node: "waitFor" | "timeout"; readonly ms: number; readonly steps: AioSteps }
  | { readonly node: "group"; readonly members: ReadonlyArray<AioSteps> }
  | { readonly node: "shield" | "task" | "forgotten"; readonly steps: AioSteps }
  | {
      readonly node: "iterate"
      readonly steps: EffectSteps
      readonly close: Pause
      readonly items: number
      readonly leave: "end" | "break"
    }
  | { readonly node: "using"; readonly steps: EffectSteps; readonly inside: AioSteps }
  | { readonly node: "finally"; readonly steps: AioSteps; readonly cleanup: Pause; readonly fails: boolean }
  /** Work that nobody waits for, and that only its end by the loop ends. */
  | { readonly node: "endless"; readonly as: "task" | "background" }
  | { readonly node: "callback"; readonly how: "throws" | "rejects" }
  | { readonly node: "swallow"; readonly steps: AioSteps }

export type EffectSteps = ReadonlyArray<EffectNode>
export type AioSteps = ReadonlyArray<AioNode>

/** What the program starts, side by side. */
export type Root =
  | { readonly as: "fiber" | "future" | "background"; readonly steps: EffectSteps }
  | { readonly as: "task"; readonly steps: AioSteps }

/** What ends it. */
export type End =
  | "nothing"
  | "fail"
  | "interrupt itself"
  | "interrupted from outside"
  | "interrupt the fibers"
  | "cancel all tasks"
  | "crash"
  | "close the Scope"
  | "close at once"

export interface Program {
  readonly roots: ReadonlyArray<Root>
  readonly end: End
  readonly after: Pause
  readonly loop: "scoped" | "open" | "layer" | "sync"
  /** What is reported: only counted, or given to the loop's own handler, too, which crashes the loop. */
  readonly handler: "keeps" | "crashes"
  readonly clock: "live" | "manual"
}

const pauses: fc.Arbitrary<Pause> = fc.record({
  turns: fc.nat(4),
  how: fc.constantFrom("microtask" as const, "microtask" as const, "node" as const, "clock" as const)
})

const deadlines = fc.nat(3)

const resources: fc.Arbitrary<ResourceScript> = fc.record({
  open: pauses,
  close: pauses,
  fails: fc.constantFrom("no" as const, "no" as const, "no" as const, "open" as const, "close" as const),
  kind: fc.constantFrom(
    "async" as const,
    "async" as const,
    "deaf" as const,
    "generator" as const,
    "sync" as const
  ),
  by: fc.constantFrom(
    "acquireAio" as const,
    "acquireAio" as const,
    "acquireAio" as const,
    "disposable" as const
  )
})

const streams: fc.Arbitrary<StreamScript> = fc.record({
  items: fc.nat(3),
  pause: pauses,
  fails: fc.constantFrom("no" as const, "no" as const, "body" as const, "finally" as const, "both" as const),
  cleanup: pauses,
  chunkSize: fc.constantFrom(1, 1, 4),
  use: fc.constantFrom("drain" as const, "take" as const, "fail" as const),
  after: fc.nat(3)
})

const is = <const T>(value: T): fc.Arbitrary<T> => fc.constant(value)

const { aioSteps, effectSteps } = fc.letrec<{
  effect: EffectNode
  aio: AioNode
  effectSteps: EffectSteps
  aioSteps: AioSteps
}>((tie) => ({
  effectSteps: fc.array(tie("effect"), { minLength: 1, maxLength: 3 }),
  aioSteps: fc.array(tie("aio"), { minLength: 1, maxLength: 3 }),
  effect: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ node: is("pause"), pause: pauses }),
    fc.record({ node: is("fail"), how: fc.constantFrom("fail" as const, "die" as const) }),
    fc.record({ node: is("acquire"), resource: resources }),
    fc.record({ node: is("acquire"), resource: resources }),
    fc.record({ node: is("stream"), stream: streams }),
    fc.record({ node: is("finalizer"), pause: pauses, fails: fc.boolean() }),
    fc.record({
      node: is("call"),
      kind: fc.constantFrom("async" as const, "generator" as const),
      steps: tie("aioSteps")
    }),
    fc.record({
      node: is("call"),
      kind: fc.constantFrom("async" as const, "generator" as const),
      steps: tie("aioSteps")
    }),
    fc.record({ node: is("both"), left: tie("effectSteps"), right: tie("effectSteps") }),
    fc.record({ node: is("timeout"), ms: deadlines, steps: tie("effectSteps") }),
    fc.record({ node: is("attempt"), steps: tie("effectSteps") }),
    fc.record({ node: is("fork"), steps: tie("effectSteps"), before: pauses }),
    fc.record({ node: is("nested"), steps: tie("effectSteps") })
  ),
  aio: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ node: is("pause"), pause: pauses }),
    fc.record({ node: is("throw") }),
    fc.record({ node: is("endless"), as: fc.constantFrom("task" as const, "background" as const) }),
    fc.record({ node: is("callback"), how: fc.constantFrom("throws" as const, "rejects" as const) }),
    fc.record({
      node: is("effect"),
      by: fc.constantFrom("runEffect" as const, "toAio" as const),
      steps: tie("effectSteps")
    }),
    fc.record({
      node: is("effect"),
      by: fc.constantFrom("runEffect" as const, "toAio" as const),
      steps: tie("effectSteps")
    }),
    fc.record({
      node: is("background"),
      steps: tie("effectSteps"),
      cancelAfter: fc.option(pauses, { nil: undefined })
    }),
    fc.record({
      node: fc.constantFrom("waitFor" as const, "timeout" as const),
      ms: deadlines,
      steps: tie("aioSteps")
    }),
    fc.record({ node: is("group"), members: fc.array(tie("aioSteps"), { minLength: 1, maxLength: 2 }) }),
    fc.record({
      node: fc.constantFrom("shield" as const, "task" as const, "forgotten" as const),
      steps: tie("aioSteps")
    }),
    fc.record({
      node: is("iterate"),
      steps: tie("effectSteps"),
      close: pauses,
      items: fc.nat(2),
      leave: fc.constantFrom("end" as const, "break" as const)
    }),
    fc.record({ node: is("using"), steps: tie("effectSteps"), inside: tie("aioSteps") }),
    fc.record({ node: is("finally"), steps: tie("aioSteps"), cleanup: pauses, fails: fc.boolean() }),
    fc.record({ node: is("swallow"), steps: tie("aioSteps") })
  )
}))

const roots: fc.Arbitrary<Root> = fc.oneof(
  fc.record({
    as: fc.constantFrom("fiber" as const, "fiber" as const, "future" as const, "background" as const),
    steps: effectSteps
  }),
  fc.record({ as: is("task"), steps: aioSteps })
)

export const programs = (clock: Program["clock"]): fc.Arbitrary<Program> =>
  fc.record({
    roots: fc.array(roots, { minLength: 1, maxLength: 3 }),
    end: fc.constantFrom<End>(
      "nothing",
      "fail",
      "interrupt itself",
      "interrupted from outside",
      "interrupt the fibers",
      "cancel all tasks",
      "crash",
      "close the Scope",
      "close at once"
    ),
    after: pauses,
    loop: fc.constantFrom("scoped" as const, "open" as const, "layer" as const, "sync" as const),
    handler: fc.constantFrom("keeps" as const, "crashes" as const),
    clock: is(clock)
  })

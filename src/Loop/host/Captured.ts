/** What the two ways have in common by which async-local state travels: with frames, and with AsyncResources. */
import type { Context } from "../kernel/Context.js"
import type { Invocable, Local } from "../kernel/ports.js"

/** Async-local state as it was captured, and the owner that was current then. */
export interface Captured extends Context {
  readonly owner: unknown
  /** See `Contexts`. */
  call<X, A>(loop: object, task: object | undefined, f: (x: X) => A, x: X): A
  callHandle(handle: Invocable): void
}

/** One of the two. */
export interface Way {
  capture(owner: unknown): Captured
  isCaptured(context: Context | undefined): context is Captured
  /** Who is running, as far as the async-local state knows. */
  mark(): Local | undefined
  /** Calls `f(x)` as code of `loop` and `task` in the state that is visible now. */
  callHere<X, A>(loop: object, task: object | undefined, owner: unknown, f: (x: X) => A, x: X): A
  /** `callHere` for a handle. */
  callHandleHere(handle: Invocable, owner: unknown): void
  /** Whether there is such a one. */
  isMarked(): boolean
  /** Calls `f` as nobody's code. */
  unmarked<A>(f: () => A): A
  /** Calls `f` in a scope of its own: what it enters ends with it. As code of `loop` to whoever looks for one. */
  detached<A>(loop: object, f: () => A): A
  /** Nobody asks for marks any more, until somebody does again. */
  release(): void
}

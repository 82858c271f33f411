/**
 * All async-local state of the code that runs, as one value. On Node 24 and newer V8 carries such a value along with every
 * promise: Node's "async context frame", a Map from AsyncLocalStorages to their stores, which is copied by whoever enters
 * one. An AsyncResource takes the frame of its making and brings it back; to take and to bring back the frame itself does
 * the same for a tenth of the cost.
 *
 * The doubt: Node documents AsyncResource, not frames. So nothing is taken for granted: the class is found through an
 * AsyncResource, what is used of it is tried at load, and where anything is otherwise (Node 20 and 22,
 * `--no-async-context-frame`, a Node to come) AsyncResource does the work, as `ResourceContext.ts` says.
 */
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks"

/** What Node asks of a frame, and where it looks for the store of an AsyncLocalStorage. */
export interface Frame extends Iterable<readonly [AsyncLocalStorage<unknown>, unknown]> {
  has(key: AsyncLocalStorage<unknown>): boolean
  get(key: AsyncLocalStorage<unknown>): unknown
  disable(key: AsyncLocalStorage<unknown>): void
}

/** The static side of Node's class of frames. No frame at all is an empty one. */
export interface Frames {
  new (key: AsyncLocalStorage<unknown>, store: unknown): Frame
  current(): Frame | undefined
  set(frame: Frame | undefined): void
  /** Sets `frame`, and gives back what was there. */
  exchange(frame: Frame | undefined): Frame | undefined
}

const isFrames = (u: unknown): u is Frames =>
  typeof u === "function" &&
  ["current", "set", "exchange"].every((name) => typeof (Reflect.get(u, name) as unknown) === "function")

/** Whether `frames` does what its methods are called, seen through AsyncLocalStorages. */
const works = (frames: Frames): boolean => {
  const one = new AsyncLocalStorage<string>()
  const other = new AsyncLocalStorage<string>()
  one.enterWith("a")
  const a = frames.current()
  other.enterWith("b")
  const both = frames.current()
  const had = frames.exchange(a)
  const inA = one.getStore() === "a" && other.getStore() === undefined && frames.current() === a
  frames.set(both)
  const inBoth = one.getStore() === "a" && other.getStore() === "b"
  frames.set(undefined)
  return had === both && a !== both && inA && inBoth && one.getStore() === undefined
}

/** Calls `f` in a scope of its own, which ends with it; `undefined` where it throws. */
export const attempt = <A>(f: () => A): A | undefined => {
  try {
    return new AsyncResource("effect-aio").runInAsyncScope(f)
  } catch {
    return undefined
  }
}

const find = (): Frames | undefined => {
  new AsyncLocalStorage<boolean>().enterWith(true)
  const resource = new AsyncResource("effect-aio")
  const found = Object.getOwnPropertySymbols(resource)
    .map((key): unknown => (Reflect.get(resource, key) as object | undefined)?.constructor)
    .find(isFrames)
  return found !== undefined && works(found) ? found : undefined
}

/** Stands in where frames are not to be had: there is no frame, ever. */
class NoFrame implements Frame {
  static current(): undefined {}
  static set(): void {}
  static exchange(): undefined {}
  has(): boolean {
    return false
  }
  get(): undefined {}
  disable(): void {}
  [Symbol.iterator](): Iterator<never> {
    return [][Symbol.iterator]()
  }
}

/** Storages that stand on promise hooks have this method; to try one out would switch the hooks on. */
export const frames: Frames = "_enable" in AsyncLocalStorage.prototype ? NoFrame : (attempt(find) ?? NoFrame)

export const framesFound: boolean = frames !== NoFrame

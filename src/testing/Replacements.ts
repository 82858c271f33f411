/**
 * What stands in the place of Node's timers and clocks while a loop of tests is open. Each asks who calls: code of such a loop
 * gets its clock; everybody else, other loops and fibers too, the function that was there.
 */
import timersModule from "node:timers"
import promisesModule from "node:timers/promises"
import { syncBuiltinESMExports } from "node:module"
import { promisify } from "node:util"
import { inFiber } from "../effect.js"
import { local } from "../Loop/kernel/current.js"
import { calledByProgram } from "../Loop/kernel/sites.js"
import type { LoopTimers } from "./LoopTimers.js"
import { LoopTimeout, timeoutOf } from "./LoopTimeout.js"
import { LONGEST } from "../Loop/host/NodeHost.js"
import { followedInterval, followedTimeout, isRefused, type Start } from "./promises.js"

type Callback = (...args: ReadonlyArray<unknown>) => unknown

/** Of every loop of tests that is not collected: what a closed one's code still times never comes. */
const timersOf = new WeakMap<object, LoopTimers>()

/** The timers of the code that runs, if it is a test loop's. */
const ofCode = (): LoopTimers | undefined => {
  const loop = local()?.loop
  return loop === undefined || inFiber() ? undefined : timersOf.get(loop)
}

/**
 * The same for the code that calls `above`, which may be this library, Effect or Node: what these time is their own, whoever's
 * code has called them. Effect's scheduler gives way to I/O by `setTimeout(f, 0)`, which must not wait for the clock that it drives.
 */
const here = (above: object): LoopTimers | undefined => {
  const timers = ofCode()
  return timers === undefined || !calledByProgram(above) ? undefined : timers
}

/** One property of an object of Node's. */
interface Place {
  readonly holder: object
  readonly key: PropertyKey
  readonly before: PropertyDescriptor
  readonly ours: PropertyDescriptor
}

const places: Array<Place> = []

const put = (holder: object, key: PropertyKey, change: PropertyDescriptor): void => {
  const before = Object.getOwnPropertyDescriptor(holder, key)
  if (before === undefined) throw new Error(`${String(key)} is not where Node has it`)
  const { configurable = true, enumerable = true } = before
  const ours: PropertyDescriptor =
    "value" in change ? { ...before, ...change } : { ...change, configurable, enumerable }
  places.push({ holder, key, before, ours })
  Object.defineProperty(holder, key, ours)
}

/** What somebody else has put there since stays. */
const takeBack = ({ before, holder, key, ours }: Place): void => {
  const now = Object.getOwnPropertyDescriptor(holder, key)
  if (now?.value === ours.value && now?.get === ours.get) Object.defineProperty(holder, key, before)
}

/** Node's own limits. It warns of what is out of them, in its own words, and takes 1. */
const clamped = (real: typeof setTimeout, delay: unknown): number => {
  const ms = Number(delay)
  if (ms >= 1 && ms <= LONGEST) return Math.trunc(ms)
  if (delay !== undefined && ms !== 0) clearTimeout(real(() => {}, ms))
  return 1
}

const install = (): void => {
  const real = {
    setTimeout: globalThis.setTimeout,
    setInterval: globalThis.setInterval,
    clearTimeout: globalThis.clearTimeout,
    clearInterval: globalThis.clearInterval,
    promised: promisesModule.setTimeout,
    every: promisesModule.setInterval,
    wait: promisesModule.scheduler.wait,
    timeout: AbortSignal.timeout,
    now: Performance.prototype.now,
    Date: globalThis.Date,
    dateNow: Date.now
  }
  const make = (
    timers: LoopTimers,
    above: object,
    callback: Callback,
    delay: unknown,
    args: ReadonlyArray<unknown> = [],
    repeats = false
  ): LoopTimeout => new LoopTimeout(timers, callback, clamped(real.setTimeout, delay), args, repeats, above)
  /** How the functions of promises start a timer. */
  const startFor =
    (timers: LoopTimers, above: object): Start =>
    (f, delay, repeats) =>
      make(timers, above, f, delay, [], repeats)

  const timerMaker = (
    realOne: typeof real.setTimeout | typeof real.setInterval,
    repeats: boolean
  ): ((callback: Callback, delay?: number, ...args: ReadonlyArray<unknown>) => unknown) => {
    const made = (callback: Callback, delay?: number, ...args: ReadonlyArray<unknown>): unknown => {
      const timers = here(made)
      return timers === undefined || typeof callback !== "function"
        ? realOne(callback, delay, ...args)
        : make(timers, made, callback, delay, args, repeats)
    }
    return Object.defineProperty(made, "name", { value: realOne.name })
  }
  const setTimeout = timerMaker(real.setTimeout, false)
  const setInterval = timerMaker(real.setInterval, true)
  // By what is cleared and not by who clears: a timer of a loop may be cleared by anybody.
  const clearer =
    (realOne: typeof real.clearTimeout | typeof real.clearInterval) =>
    (timer?: NodeJS.Timeout | string | number): void => {
      const ours = timeoutOf(timer)
      if (ours === undefined) realOne(timer)
      else ours.close()
    }
  const clearTimeout = clearer(real.clearTimeout)
  const clearInterval = clearer(real.clearInterval)

  const promised = (delay?: number, value?: unknown, options?: unknown): unknown => {
    const timers = here(promised)
    return timers === undefined || isRefused(delay, options)
      ? real.promised(delay, value, options as never)
      : followedTimeout(startFor(timers, promised), real.promised, delay, value, options)
  }
  const every = (delay?: number, value?: unknown, options?: unknown): unknown => {
    const timers = here(every)
    return timers === undefined || isRefused(delay, options)
      ? real.every(delay, value, options as never)
      : followedInterval(startFor(timers, every), real.promised, delay, value, options)
  }
  function wait(this: unknown, delay?: number, options?: unknown): unknown {
    const timers = here(wait)
    return timers === undefined || isRefused(delay, options)
      ? Reflect.apply(real.wait, this, [delay, options])
      : followedTimeout(startFor(timers, wait), real.promised, delay, undefined, options)
  }

  const timeout = (delay: number): AbortSignal => {
    const timers = here(timeout)
    if (timers === undefined || !(delay >= 0 && delay < 2 ** 32))
      return Reflect.apply(real.timeout, AbortSignal, [delay])
    const controller = new AbortController()
    const abort = (): void =>
      controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"))
    make(timers, timeout, abort, delay).unref()
    return controller.signal
  }

  function now(this: unknown): number {
    const timers = here(now)
    return timers === undefined ? (Reflect.apply(real.now, this, []) as number) : timers.loop.time()
  }
  const wall = (timers: LoopTimers | undefined): number =>
    timers === undefined ? Reflect.apply(real.dateNow, real.Date, []) : timers.wall()
  const dateNow = (): number => wall(here(dateNow))
  /** `Date` of code of such a loop: asked again when it is called, who may be another. */
  const LoopDate = new Proxy(real.Date, {
    apply: (target) => new target(wall(ofCode())).toString(),
    construct: (target, args, newTarget) =>
      Reflect.construct(
        target,
        args.length === 0 ? [wall(ofCode())] : args,
        newTarget as typeof Date
      ) as object
  })
  let current = real.Date
  const dateHere = (): DateConstructor =>
    current === real.Date && here(dateHere) !== undefined ? LoopDate : current

  Object.defineProperty(setTimeout, promisify.custom, { enumerable: true, get: () => promised })
  for (const holder of [globalThis, timersModule]) {
    put(holder, "setTimeout", { value: setTimeout })
    put(holder, "setInterval", { value: setInterval })
    put(holder, "clearTimeout", { value: clearTimeout })
    put(holder, "clearInterval", { value: clearInterval })
  }
  put(promisesModule, "setTimeout", { value: promised })
  put(promisesModule, "setInterval", { value: every })
  put(Object.getPrototypeOf(promisesModule.scheduler) as object, "wait", { value: wait })
  put(AbortSignal, "timeout", { value: timeout })
  put(Performance.prototype, "now", { value: now })
  put(real.Date, "now", { value: dateNow })
  put(globalThis, "Date", {
    get: dateHere,
    set: (given: DateConstructor) => {
      current = given
    }
  })
  syncBuiltinESMExports()
}

const open = new Set<LoopTimers>()

/** Code of the loop follows its clock from now on. */
export const follow = (timers: LoopTimers): void => {
  timersOf.set(timers.loop, timers)
  open.add(timers)
  if (open.size === 1) install()
}

/** The loop has closed. When it was the last one, everything is where it was. */
export const unfollow = (timers: LoopTimers): void => {
  timers.close()
  if (!open.delete(timers) || open.size > 0) return
  for (const place of places.splice(0).reverse()) takeBack(place)
  syncBuiltinESMExports()
}

/** The timers of a loop, if it has some that follow. */
export const followed = (loop: object): LoopTimers | undefined => timersOf.get(loop)

/** Errors on their way between threads: packed, cloned as a port clones, and unpacked. */
// Covers: packError, unpackError
import { deserialize, serialize } from "node:v8"
import { Data } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { CancelledError, isCancelledError, LoopClosedError } from "../../../src/index.js"
import { packError, type PackedError } from "../../../src/Loop/parcel/packError.mjs"
import { unpackError } from "../../../src/Loop/parcel/unpackError.js"

const cross = (thrown: unknown): any => {
  const packed: PackedError = packError(thrown)
  // As strict as a port, and by another way.
  expect(deserialize(serialize(structuredClone(packed)))).toEqual(structuredClone(packed))
  return unpackError(structuredClone(packed))
}

describe("errors between threads", () => {
  it("are of their class, if that is one of the language's own, with message, stack and cause", () => {
    for (const Class of [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]) {
      const error = new Class("why", { cause: new TypeError("because", { cause: "a text" }) })
      const there = cross(error)
      expect(there).toBeInstanceOf(Class)
      expect(Object.getPrototypeOf(there)).toBe(Class.prototype)
      expect([there.name, there.message, there.stack]).toEqual([Class.name, "why", error.stack])
      expect(there.cause).toBeInstanceOf(TypeError)
      expect([there.cause.message, there.cause.cause]).toEqual(["because", "a text"])
      expect(Object.keys(there)).toEqual([])
      expect("cause" in cross(new Class("none"))).toBe(false)
    }
    expect("cause" in cross(new Error("undefined", { cause: undefined }))).toBe(true)
  })

  it("of other classes are the nearest of those, with their name and own fields", () => {
    class Missing extends RangeError {
      override readonly name = "Missing"
      readonly code = "ENOENT"
      readonly path = "/nowhere"
      readonly when = new Date(0)
      readonly inner = new SyntaxError("inside")
    }
    const there = cross(new Missing("gone"))
    expect(there).toBeInstanceOf(RangeError)
    expect(there).toMatchObject({
      name: "Missing",
      message: "gone",
      code: "ENOENT",
      path: "/nowhere",
      when: new Date(0)
    })
    expect(there.inner).toBeInstanceOf(SyntaxError)
    expect(Object.keys(there).sort()).toEqual(["code", "inner", "path", "when"])
  })

  it("of the library keep their _tag, so that catchTag knows them", () => {
    const there = cross(new LoopClosedError("closed", { cause: new Error("crash") }))
    expect(there).toMatchObject({
      _tag: "LoopClosedError",
      name: "LoopClosedError",
      cause: { message: "crash" }
    })
    class Tagged extends Data.TaggedError("Tagged")<{ readonly id: number }> {}
    expect(cross(new Tagged({ id: 7 }))).toMatchObject({ _tag: "Tagged", id: 7 })
  })

  it("that cancel are CancelledErrors, with their reason", () => {
    for (const reason of [undefined, "why", { a: 1 }, 0, null]) {
      const there = cross(new CancelledError(reason))
      expect(there).toBeInstanceOf(CancelledError)
      expect(isCancelledError(there)).toBe(true)
      expect(there).toMatchObject({ name: "AbortError", code: "ABORT_ERR", _tag: "CancelledError" })
      expect(there.reason).toEqual(reason ?? undefined)
    }
    const there = cross(new CancelledError(new RangeError("inner")))
    expect(there.reason).toBeInstanceOf(RangeError)
    const { signal } = new AbortController()
    expect(signal.aborted).toBe(false)
    const abort = AbortSignal.abort().reason as DOMException
    expect(cross(abort)).toMatchObject({ name: "AbortError", message: abort.message, code: abort.code })
  })

  it("that are many keep all, in their order", () => {
    const there = cross(new AggregateError([new TypeError("a"), "b", new CancelledError("c")], "several"))
    expect(there).toBeInstanceOf(AggregateError)
    expect(there.message).toBe("several")
    expect(there.errors[0]).toBeInstanceOf(TypeError)
    expect(there.errors[1]).toBe("b")
    expect(isCancelledError(there.errors[2])).toBe(true)
  })

  it("that lead back to themselves end, in a cause, a field and an AggregateError", () => {
    const error = new Error("outer") as Error & { self?: unknown }
    error.cause = new Error("inner", { cause: error })
    error.self = error
    const there = cross(error)
    expect(there.cause).toMatchObject({ message: "inner", cause: "Error: outer" })
    expect(there.self).toBe("Error: outer")
    const many = new AggregateError([], "many")
    many.errors.push(many)
    expect(cross(many).errors).toEqual(["AggregateError: many"])
  })

  it("with long and wide causes arrive in bounded time", () => {
    let deep = new Error("0")
    for (let i = 1; i < 10_000; i++) deep = new Error(String(i), { cause: deep })
    let depth = 0
    for (let at = cross(deep); at instanceof Error; at = at.cause as Error) depth++
    expect(depth).toBe(16)
    const wide = new AggregateError(Array.from({ length: 1_000 }, (_, i) => new Error(String(i))))
    expect(cross(wide).errors).toHaveLength(1_000)
    const huge = cross(new Error("x".repeat(1_000_000)))
    expect(huge.message).toHaveLength(1_000_000)
  })

  it("whose fields cannot be cloned have them as text", () => {
    const error = Object.assign(new Error("fields"), {
      f: () => 1,
      s: Symbol("s"),
      weak: new WeakMap(),
      fine: [1]
    })
    expect(cross(error)).toMatchObject({ f: "() => 1", s: "Symbol(s)", weak: "[object WeakMap]", fine: [1] })
  })

  it("are what was thrown, where that is no error", () => {
    for (const value of [undefined, null, 0, NaN, "text", 1n, { a: [1] }, [1, 2], new Map([[1, 2]])]) {
      expect(cross(value)).toEqual(value)
    }
    expect(cross(Symbol("s"))).toBe("Symbol(s)")
    expect(cross(() => 1)).toBe("() => 1")
  })

  it("that throw when they are looked at still arrive", () => {
    const hostile = new Proxy(new Error("behind a proxy"), {
      get() {
        throw new Error("get")
      }
    })
    expect(() => cross(hostile)).not.toThrow()
    const throws = (name: string) => {
      const error = new Error(name)
      Object.defineProperty(error, name, {
        get() {
          throw new Error("getter")
        },
        enumerable: true
      })
      return error
    }
    for (const name of ["name", "message", "stack", "cause", "code", "field"]) {
      expect(cross(throws(name))).toBeInstanceOf(Error)
    }
    const odd = Object.assign(new Error("odd"), { name: 42, stack: { no: "text" } })
    expect(cross(odd)).toMatchObject({ name: "42", message: "odd" })
    const revoked = Proxy.revocable(new Error("revoked"), {})
    revoked.revoke()
    expect(() => cross(revoked.proxy)).not.toThrow()
    const textless = Object.create(null) as object
    expect(cross({ textless, f() {} })).toBe("[object Object]")
    expect(cross(Object.assign(Object.create(null) as object, { f() {} }))).toBe("<unprintable>")
  })

  it("property: plain fields and causes arrive as they are", () => {
    const apart = new Set(["name", "message", "stack", "cause", "errors", "reason", "__proto__"])
    const fields = fc.dictionary(
      fc.string().filter((key) => !apart.has(key)),
      fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null))
    )
    const error: fc.Arbitrary<Error> = fc.letrec<{ error: Error }>((tie) => ({
      error: fc
        .tuple(fc.string(), fields, fc.option(tie("error"), { maxDepth: 4 }))
        .map(([message, own, cause]) =>
          Object.assign(cause === null ? new Error(message) : new Error(message, { cause }), own)
        )
    })).error
    const plain = (e: any): unknown =>
      e instanceof Error ? [e.name, e.message, e.stack, { ...e }, "cause" in e ? plain(e.cause) : "none"] : e
    fc.assert(fc.property(error, (e) => void expect(plain(cross(e))).toEqual(plain(e))))
  })
})

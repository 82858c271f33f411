import { setFlagsFromString } from "node:v8"
import { keepFiberShapes } from "../../src/Loop/fiber/shapes.js"

/** Whether V8 keeps two objects in the same layout, which is what makes code fast that was compiled for one of them. */

setFlagsFromString("--allow-natives-syntax")

export const haveSameLayout = new Function("a", "b", "return %HaveSameMap(a, b)") as (
  a: object,
  b: object
) => boolean

/** For `keepFiberShapes`, where a loop was open before. */
export const madeAlready = (): never => {
  throw new Error("made already")
}

/** Whether one object of the class of `real` is kept, with the layout of `real`. */
export const isKept = (real: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(real)
  const kept = keepFiberShapes(madeAlready).filter((one) => Object.getPrototypeOf(one) === prototype)
  return kept.length === 1 && haveSameLayout(kept[0] as object, real)
}

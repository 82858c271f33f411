/**
 * A Layer whose part for the installed line of Effect is loaded when the Layer is built: only then must the packages that it
 * stands on be there, and the door can be imported on either line.
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { layerUnwrap } from "../effect.js"

/** What Node says where a package is not installed, or a module is not in it. */
const isMissing = (error: unknown): error is Error =>
  error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND"

/** A package that is there and cannot be loaded is of another release than the Effect that is installed. */
const remedy = (packages: string, { message }: Error): string =>
  message.startsWith("Cannot find package")
    ? `npm install ${packages}`
    : `it does not fit the installed effect; npm install effect ${packages} of one release`

/**
 * Loads a part. `name` is what wants it, for messages; `packages` is what to install where a package that the part imports is
 * not there, which is a defect.
 */
export const loading = <Part>(
  name: string,
  packages: string,
  load: () => Promise<Part>
): Effect.Effect<Part> =>
  Effect.promise(() =>
    load().catch((error: unknown) => {
      if (!isMissing(error)) throw error
      const message = `${name} needs ${packages}: ${remedy(packages, error)} (${error.message})`
      throw new Error(message, { cause: error })
    })
  )

/** A Layer that a part has. */
export const lazily = <Part, A, E, R>(
  name: string,
  packages: string,
  load: () => Promise<Part>,
  layer: (part: Part) => Layer.Layer<A, E, R>
): Layer.Layer<A, E, R> => layerUnwrap(Effect.map(loading(name, packages, load), layer))

// The line that tells, in every step, that something has closed.
import { Console, Effect, type Scope } from "effect"

/** The same resource; when its Scope has closed it, a line says so. */
export const closes = <A, E, R>(
  name: string,
  resource: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | Scope.Scope> =>
  Effect.zipRight(
    Effect.addFinalizer(() => Console.log(`closed: ${name}`)),
    resource
  )

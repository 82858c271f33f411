import * as C from "effect4/Context"
export * from "effect4/Context"

export type Context<R> = C.Context<R>

export const Tag =
  <const Id extends string>(id: Id) =>
  <Self, Service>(): C.ServiceClass<Self, Id, Service> =>
    C.Service<Self, Service>()(id)

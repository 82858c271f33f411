/** Names of hosts as addresses, by the system's resolver. */
import type { LookupAddress } from "node:dns"
import { isIP, type LookupFunction } from "node:net"
import { getBuiltinModule } from "node:process"
import { ResolveError } from "../../errors.js"

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "the name server did not answer: try again later",
  EAI_NODATA: "it has no address of that family",
  EINVAL: "that is no name of a host"
}

/** All addresses of a host of a family (0: of both), in the resolver's order. `done` is called once, later. */
export const resolveHost = (
  host: string,
  family: 0 | 4 | 6,
  lookup: LookupFunction | undefined,
  done: (addresses: ReadonlyArray<LookupAddress> | undefined, error?: ResolveError) => void
): void => {
  const fail = (code: string, why: string, cause?: unknown): void =>
    done(undefined, new ResolveError({ host, code, why, cause }))
  const known = isIP(host)
  if (known !== 0) {
    if (family !== 0 && family !== known)
      return process.nextTick(
        fail,
        "ENOTFOUND",
        `it is an address of family ${known}, and family is ${family}`
      )
    return process.nextTick(done, [{ address: host, family: known }])
  }
  let over = false
  const answered = (error: NodeJS.ErrnoException | null, found: unknown, foundFamily?: number): void => {
    if (over) return
    over = true
    if (error !== null && error !== undefined) {
      const code = error.code ?? "UNKNOWN"
      return fail(code, reasons[code] ?? error.message, error)
    }
    const addresses = addressesIn(found, foundFamily).filter((one) => family === 0 || one.family === family)
    if (addresses.length === 0) return fail("ENOTFOUND", "the resolver gave no address of it")
    done(addresses)
  }
  const resolve: LookupFunction = lookup ?? (getBuiltinModule("node:dns").lookup as LookupFunction)
  try {
    resolve(host, { all: true, family }, answered)
  } catch (error) {
    process.nextTick(answered, error as Error, undefined)
  }
}

/** A resolver of the program's own may give one address, too. */
const addressesIn = (found: unknown, family: number | undefined): ReadonlyArray<LookupAddress> => {
  if (typeof found === "string") return [{ address: found, family: family ?? isIP(found) }]
  return Array.isArray(found) ? (found as ReadonlyArray<LookupAddress>) : []
}

/** Making a server of Node listen: one try, which ends listening, with a typed error, or cancelled and closed again. */
import { isIP } from "node:net"
import { getBuiltinModule } from "node:process"
import { BindError } from "../errors.js"
import { pathTooLong } from "../network/checks.js"
import { bindError } from "../network/failures.js"
import { isAbstract, isFolderMissing, removeIfStale, whyOccupied } from "../network/listening/unixSocket.js"
import { placeText } from "./address.js"
import type { NetServer } from "./kinds.js"
import type { Place } from "./ServerOptions.js"

/** Takes the try back, and calls back when nothing of it is open any more. Not called when it has ended. */
export type Cancel = (then: () => void) => void

/** What the system's words mean that name another thing than they mean here, and what helps. */
const whyOf = (place: Place, code: string): string | undefined => {
  const { fd, host, path } = place
  if (fd !== undefined && ["EBADF", "EINVAL", "ENOTSOCK", "ENOTSUP"].includes(code)) {
    return "it is no socket that can listen; give the one that whoever started this process has opened for it"
  }
  if (path !== undefined && code === "EACCES" && isFolderMissing(path)) {
    return "there is no such folder; make it first"
  }
  if (path !== undefined && code === "EADDRINUSE") {
    return whyOccupied(path) ?? "a server listens there; end it, or choose another path"
  }
  if (host !== undefined && code === "EINVAL") return "it is no address to listen at"
  return undefined
}

const cannotListen = (place: Place, cause: NodeJS.ErrnoException): BindError =>
  bindError(placeText(place), cause, whyOf(place, cause.code ?? ""))

/** Calls `then` once, with an error where it does not listen. */
export const listenAt = (
  server: NetServer,
  place: Place,
  then: (error: BindError | undefined) => void
): Cancel => {
  const { backlog, fd, host, ipv6Only, path, port = 0 } = place
  let cancelled: (() => void) | undefined
  let stopLooking = (): void => {}
  /** Node has been told to listen, and has not answered. */
  let asked = false
  let removed = false

  const end = (error: BindError | undefined): void => {
    if (cancelled === undefined) return then(error)
    if (error !== undefined) return cancelled()
    server.close(cancelled)
  }

  const fail = (cause: NodeJS.ErrnoException): void => {
    const free = path !== undefined && !isAbstract(path) && whyOccupied(path) === undefined
    if (cause.code !== "EADDRINUSE" || removed || !free || cancelled !== undefined)
      return end(cannotListen(place, cause))
    stopLooking = removeIfStale(path, (gone) => {
      if (!gone) return end(cannotListen(place, cause))
      removed = true
      ask({ path })
    })
  }

  const ask = (where: object): void => {
    asked = true
    const listening = (): void => {
      server.off("error", failed)
      asked = false
      end(undefined)
    }
    const failed = (cause: Error): void => {
      server.off("listening", listening)
      asked = false
      fail(cause)
    }
    server.once("listening", listening)
    server.once("error", failed)
    server.listen({ ...where, ...(backlog === undefined ? {} : { backlog }) })
  }

  const tooLong = path === undefined ? undefined : pathTooLong(path)
  if (path !== undefined && tooLong !== undefined) {
    then(new BindError({ address: path, code: "ENAMETOOLONG", why: tooLong }))
  } else if (path !== undefined) ask({ path })
  else if (fd !== undefined) ask({ fd })
  else {
    const at = { port, ...(ipv6Only === undefined ? {} : { ipv6Only }) }
    if (host === undefined || isIP(host) !== 0) ask(host === undefined ? at : { ...at, host })
    else {
      let waits = true
      stopLooking = () => void (waits = false)
      // Not left to `listen`, which cannot be told to stop while it waits for an answer.
      getBuiltinModule("node:dns").lookup(host, (error, address) => {
        if (!waits) return
        if (error === null) return ask({ ...at, host: address })
        const { code = "ENOTFOUND" } = error
        const why =
          code === "EAI_AGAIN"
            ? "the name server did not answer; try again later, or give an address"
            : "no such host is known; give an address of this machine, or leave it out for all of them"
        then(new BindError({ address: placeText(place), code, why, cause: error }))
      })
    }
  }

  return (ended) => {
    stopLooking()
    if (asked) cancelled = ended
    else ended()
  }
}

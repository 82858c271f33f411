/** Who gets an answer: who knows the address, and asks from the page itself. */
import { timingSafeEqual } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http"
import { isIP } from "node:net"

/**
 * Whether a request names this server by its number, by `localhost` or by the host that it was told to listen on. A page of
 * somebody else that has its own name lead here, to read what is here, comes with that name.
 */
export const namesUs = (host: string | undefined, listened: string, port: number): boolean => {
  const [, bracketed, plain, at] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(host ?? "") ?? []
  const name = (bracketed ?? plain ?? "").toLowerCase()
  if (Number(at ?? 80) !== port) return false
  return name === "localhost" || name === listened.toLowerCase() || isIP(name) !== 0
}

/** Whether a browser says that another page asks. One that says nothing is none, or leads here from an address bar. */
export const asksFromElsewhere = ({ host, origin, "sec-fetch-site": site }: IncomingHttpHeaders): boolean =>
  (origin !== undefined && origin !== `http://${host}`) || (site !== undefined && site !== "same-origin")

/** In a time that tells nothing of how much of it is right. */
export const isToken = (given: string, token: string): boolean => {
  const [one, other] = [Buffer.from(given), Buffer.from(token)]
  return one.length === other.length && timingSafeEqual(one, other)
}

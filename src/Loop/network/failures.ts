/** What the system says when a connection or a server cannot be made, with what to do about it. */
import { BindError, ConnectError } from "../errors.js"
import { hostPort, pathText } from "./Address.js"

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException | undefined)?.code ?? "UNKNOWN"

/** The system's errors of connecting. */
const connecting: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ENOENT: "there is no such socket",
  EACCES: "permission denied",
  EPERM: "not permitted",
  ENOTSOCK: "that is no socket",
  ETIMEDOUT: "it did not answer in time",
  EHOSTUNREACH: "there is no way to that host",
  ENETUNREACH: "there is no way to that network",
  ECONNRESET: "the other end has closed it at once",
  EADDRNOTAVAIL: "the address cannot be used from here",
  EADDRINUSE: "the local address is in use",
  EMFILE: "this process has too many files open",
  ENFILE: "the system has too many files open",
  EINVAL: "the addresses do not fit together",
  EAGAIN: "too many connections wait there to be accepted"
}

/** What OpenSSL and Node say of a handshake. */
const handshaking: Readonly<Record<string, string>> = {
  ECONNRESET: "the other end has closed the connection in the TLS handshake",
  ETIMEDOUT: "the TLS handshake was not done in time",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is not trusted, but its own: give that as ca",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is not trusted: give the one that it was signed with as ca",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "its certificate is not trusted: give the one that it was signed with as ca",
  CERT_HAS_EXPIRED: "its certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate has another name: say which with serverHostname"
}

interface Attempt {
  readonly code?: string
  readonly address?: string
  readonly port?: number
}

/** What was tried, where Node has tried several addresses. */
const attemptsIn = (error: unknown): ReadonlyArray<Attempt> =>
  error instanceof AggregateError ? (error.errors as ReadonlyArray<Attempt>) : []

export const connectError = (address: string, cause: unknown): ConnectError => {
  const attempts = attemptsIn(cause)
  const code = codeOf(attempts[0] ?? cause)
  const alike = attempts.every((attempt) => codeOf(attempt) === code)
  const reason = connecting[code] ?? (cause instanceof Error ? cause.message : "the system refused")
  const tried = attempts.map(
    ({ address: host, port, code: each }) => `${hostPort(host ?? "?", port ?? 0)}${alike ? "" : ` ${each}`}`
  )
  const why = alike ? reason : "each of its addresses failed"
  return new ConnectError({
    address: pathText(address),
    code,
    why: tried.length > 0 ? `${why} (tried ${tried.join(", ")})` : why,
    cause
  })
}

export const handshakeError = (address: string, cause: Error): ConnectError => {
  const code = codeOf(cause)
  const why = handshaking[code] ?? `its TLS handshake failed: ${cause.message}`
  return new ConnectError({ address: pathText(address), code, why, cause })
}

/** The system's errors of listening. */
const listening: Readonly<Record<string, string>> = {
  EADDRINUSE: "it is in use; choose another port, 0 for a free one, or end who has it",
  EADDRNOTAVAIL: "this machine has no such address; choose one of its own, or all of them",
  EACCES: "permission denied",
  EPERM: "not permitted",
  ENOENT: "its folder does not exist",
  ENOTDIR: "its folder is none",
  EROFS: "its folder cannot be written to",
  ENAMETOOLONG: "the path is too long",
  EMFILE: "this process has too many files open",
  ENFILE: "the system has too many files open",
  EINVAL: "that descriptor is no socket that can listen",
  EBADF: "the descriptor is not open",
  ENOTSOCK: "the descriptor is no socket",
  EAFNOSUPPORT: "this machine does not have that family of addresses",
  ENOTSUP: "this system does not have that"
}

export const bindError = (address: string, cause: unknown, why?: string): BindError => {
  const code = codeOf(cause)
  const lowPort = /:(\d+)$/.exec(address)
  const low = lowPort !== null && Number(lowPort[1]) > 0 && Number(lowPort[1]) < 1024
  const reason =
    code === "EACCES" && low
      ? "this user may not; ports below 1024 are for privileged programs (on Linux: CAP_NET_BIND_SERVICE)"
      : (listening[code] ?? (cause instanceof Error ? cause.message : "the system refused"))
  return new BindError({ address: pathText(address), code, why: why ?? reason, cause })
}

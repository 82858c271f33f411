/** The arguments of what connects and listens, checked: whatever is wrong is thrown before anything is opened. */
import { getBuiltinModule } from "node:process"
import type { SecureContextOptions, TlsOptions } from "node:tls"
import { type DurationInput, toMillis } from "../../effect.js"
import { describeValue } from "../kernel/describe.js"
import { LONGEST_PATH } from "./listening/unixSocket.js"

/** Throws for options that are no object, and for those that nobody knows. */
export const checkOptions = (
  what: string,
  options: unknown,
  known: ReadonlyMap<string, string | undefined>
): void => {
  if (typeof options !== "object" || options === null)
    throw new TypeError(`${what} takes an object of options, not ${describeValue(options)}`)
  for (const name of Object.keys(options)) {
    if (!known.has(name))
      throw new TypeError(
        `${what} has no option ${name}; it has ${[...known.keys()].filter((key) => known.get(key) === undefined).join(", ")}`
      )
    const remedy = known.get(name)
    if (remedy !== undefined) throw new TypeError(`${what} has no option ${name}: ${remedy}`)
  }
}

/** The names of options, and of those that others have, what to do instead. */
export const optionNames = (
  names: ReadonlyArray<string>,
  remedies: Readonly<Record<string, string>> = {}
): ReadonlyMap<string, string | undefined> =>
  new Map<string, string | undefined>([
    ...names.map((name) => [name, undefined] as const),
    ...Object.entries(remedies)
  ])

export const checkFactory = (what: string, factory: unknown): void => {
  if (typeof factory !== "function")
    throw new TypeError(`${what} takes a function that makes a protocol, not ${describeValue(factory)}`)
}

export const checkPort = (what: string, port: unknown): number => {
  if (port === undefined || port === null) return 0
  if (typeof port !== "number") throw new TypeError(`${what}: port is a number, not ${describeValue(port)}`)
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new RangeError(`${what}: port is a number from 0 to 65535, not ${port}`)
  return port
}

export const checkText = (what: string, option: string, text: unknown): string => {
  if (typeof text !== "string")
    throw new TypeError(`${what}: ${option} is a string, not ${describeValue(text)}`)
  return text
}

export const checkHost = (what: string, host: unknown): string => {
  const text = checkText(what, "host", host)
  if (text.includes("\0")) throw new TypeError(`${what}: host contains a NUL byte: ${describeValue(host)}`)
  return text
}

export const checkFamily = (what: string, family: unknown): 0 | 4 | 6 => {
  if (family === undefined || family === 0) return 0
  if (family === 4 || family === 6) return family
  throw new RangeError(`${what}: family is 4, 6 or 0 for both, not ${describeValue(family)}`)
}

export const checkFlag = (what: string, option: string, flag: unknown): boolean => {
  if (flag === undefined) return false
  if (typeof flag !== "boolean")
    throw new TypeError(`${what}: ${option} is a boolean, not ${describeValue(flag)}`)
  return flag
}

/** A path of a unix socket. What the system does not take is said when it is used. */
export const checkPath = (what: string, path: unknown): string => {
  const text = checkText(what, "path", path)
  if (text === "") throw new RangeError(`${what}: path is empty`)
  if (text.indexOf("\0", 1) > 0)
    throw new TypeError(`${what}: path contains a NUL byte: ${describeValue(path)}`)
  return text
}

/** Why a path is too long, if it is. */
export const pathTooLong = (path: string): string | undefined => {
  const length = Buffer.byteLength(path)
  return process.platform !== "win32" && length > LONGEST_PATH
    ? `the path has ${length} bytes, and the system takes ${LONGEST_PATH}: use a shorter folder, such as /run or /tmp`
    : undefined
}

/** In milliseconds. asyncio's default. */
export const checkHandshake = (what: string, timeout: DurationInput | undefined): number => {
  if (timeout === undefined) return 60_000
  const millis = toMillis("sslHandshakeTimeout", timeout)
  if (!(millis > 0))
    throw new RangeError(`${what}: sslHandshakeTimeout is a duration above 0, not ${String(timeout)}`)
  return millis
}

/** A descriptor, or what has one. */
export const checkDescriptor = (what: string, sock: unknown): number => {
  const fd: unknown = typeof sock === "object" && sock !== null && "fd" in sock ? sock.fd : sock
  if (typeof fd !== "number")
    throw new TypeError(`${what}: sock is a file descriptor or has one as fd, not ${describeValue(sock)}`)
  if (!Number.isInteger(fd) || fd < 0) throw new RangeError(`${what}: ${fd} is no file descriptor`)
  return fd
}

/** TLS of the server's end. */
export const checkServerSsl = (what: string, ssl: unknown): TlsOptions | undefined => {
  if (ssl === undefined) return undefined
  if (typeof ssl !== "object" || ssl === null)
    throw new TypeError(`${what}: ssl has the certificate and key of the server, not ${describeValue(ssl)}`)
  checkSecure(what, ssl)
  return ssl
}

/** Throws for what OpenSSL does not take. */
export const checkSecure = (what: string, options: SecureContextOptions): void => {
  try {
    getBuiltinModule("node:tls").createSecureContext(options)
  } catch (cause) {
    throw new TypeError(
      `${what}: ssl is refused: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause }
    )
  }
}

/**
 * Serves the page, and what it is told, to who knows its address: a random word is in that, so that nobody else of the machine
 * sees the program.
 */
import { randomBytes } from "node:crypto"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { CliError } from "../CliError.js"
import { asksFromElsewhere, isToken, namesUs } from "./access.js"
import type { Sampler } from "./Sampler.js"
import { Viewer } from "./Viewer.js"

/** So many may look at once. */
const VIEWERS = 8

/** How long what was told last may take to be sent, in milliseconds. */
const GOODBYE = 1_000

export interface PageServerOptions {
  readonly host: string
  /** 0: one that is free. */
  readonly port: number
  /** The page, with `NONCE` wherever a script or a style is allowed. */
  readonly page: string
  readonly sampler: Sampler
  /** How long a viewer may leave a message unread, in milliseconds. Default: 15 seconds. */
  readonly patience?: number
}

const headers = {
  "cache-control": "no-store",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff"
}

/** Nothing is loaded from anywhere, and nothing runs but what is in the page. */
const policyOf = (nonce: string): string =>
  [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join("; ")

const refuse = (response: ServerResponse, code: number, more: Readonly<Record<string, string>> = {}): void =>
  void response.writeHead(code, { ...headers, ...more }).end()

export class PageServer {
  readonly #options: PageServerOptions
  readonly #server: Server
  readonly #token = randomBytes(18).toString("base64url")
  readonly #viewers = new Set<Viewer>()

  private constructor(options: PageServerOptions) {
    this.#options = options
    this.#server = createServer((request, response) => this.#answer(request, response))
  }

  /** Fails with CliError where nothing can listen there. */
  static async open(options: PageServerOptions): Promise<PageServer> {
    const { host, port } = options
    const opened = new PageServer(options)
    await new Promise<void>((resolve, reject) => {
      opened.#server.once("error", (error: NodeJS.ErrnoException) =>
        reject(new CliError(`nothing can listen on ${host}, port ${port}: ${error.code ?? error.message}`))
      )
      opened.#server.listen(port, host, resolve)
    })
    return opened
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    const { host } = this.#options
    const name = host === "::" || host === "0.0.0.0" ? "localhost" : host.includes(":") ? `[${host}]` : host
    return `http://${name}:${this.port}/${this.#token}/`
  }

  /** How much lies here that viewers have not taken, in bytes. */
  get held(): number {
    return [...this.#viewers].reduce((sum, { held }) => sum + held, 0)
  }

  /** Who looks is told what there was to tell; who does not take it is left. */
  async end(): Promise<void> {
    this.#server.close()
    const closed = new Promise((resolve) => this.#server.once("close", resolve))
    for (const viewer of this.#viewers) viewer.end()
    this.#server.closeIdleConnections()
    const late = setTimeout(() => this.#server.closeAllConnections(), GOODBYE)
    await closed
    clearTimeout(late)
  }

  /** At once. */
  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { headers: asked, method, url = "" } = request
    const { host } = this.#options
    if (!namesUs(asked.host, host, this.port)) return refuse(response, 421)
    const [, token = "", what = ""] = /^\/([\w-]+)\/(events)?$/.exec(url) ?? []
    if (!isToken(token, this.#token)) return refuse(response, 404)
    if (method !== "GET") return refuse(response, 405, { allow: "GET" })
    if (what !== "events") return this.#page(response)
    if (asksFromElsewhere(asked)) return refuse(response, 403)
    if (this.#viewers.size >= VIEWERS) return refuse(response, 503)
    this.#events(response)
  }

  #page(response: ServerResponse): void {
    const nonce = randomBytes(18).toString("base64url")
    response.writeHead(200, {
      ...headers,
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": policyOf(nonce)
    })
    response.end(this.#options.page.replaceAll("NONCE", nonce))
  }

  #events(response: ServerResponse): void {
    response.writeHead(200, { ...headers, "content-type": "text/event-stream" })
    response.flushHeaders()
    const viewer = new Viewer(response, this.#options.patience)
    const deaf = this.#options.sampler.listen((news) => viewer.take(news))
    this.#viewers.add(viewer)
    response.once("close", () => {
      this.#viewers.delete(viewer)
      deaf()
    })
  }
}

/** A Future of a fiber as what serves a request: interrupted when its client goes away, and by who closes its server. */
import type { Future } from "../../kernel/Future.js"
import type { RequestAndAnswer } from "./requestOfCall.js"
import { isGone, whenClosed } from "./gone.js"
import { nameOf, originOf, pathOf } from "./requestName.js"
import { type RequestEnd, serves, type Serving } from "./requests.js"

/** For reports: `GET /user/7 from 10.0.0.1`. */
export const exchangeName = ({ request }: RequestAndAnswer): string =>
  nameOf(request.method ?? "GET", pathOf(request.url ?? "/"), originOf(request))

class FutureServing implements Serving {
  constructor(
    readonly name: string,
    private readonly future: Future<unknown>,
    private readonly cancel: (reason: RequestEnd) => void
  ) {}

  get lives(): object {
    return this.future
  }

  get done(): boolean {
    return this.future.done()
  }

  interrupt(reason: RequestEnd): void {
    if (!this.future.done()) this.cancel(reason)
  }

  onDone(f: () => void): void {
    if (this.future.done()) f()
    else this.future._add({ resumes: false, run: f })
  }
}

/** From here on the Future serves the request; `cancel` interrupts what is behind it, for a reason. */
export const serveWith = (
  exchange: RequestAndAnswer,
  name: string,
  future: Future<unknown>,
  cancel: (reason: RequestEnd) => void
): void => {
  const { request, response } = exchange
  const serving = new FutureServing(name, future, cancel)
  const look = (): void => {
    if (isGone(request, response)) serving.interrupt("client gone")
  }
  serves(response, serving)
  serving.onDone(whenClosed(request, response, look))
  look()
}

// What the clients ask: payments and quotes for a number of orders in turn, at a steady rate, whatever becomes of those before.
import type { Answer } from "./services.js"
import type { Asked } from "./ledger.js"

export interface Ask {
  (order: string, kind: Asked["kind"], message: string): Promise<Answer>
}

export interface Load {
  readonly seconds: number
  /** Messages a second. */
  readonly rate: number
}

const ORDERS = 60
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** One message in five is a quote; of the payments one in ten is asked twice, as a client does that has lost its answer. */
export const runLoad = async (
  ask: Ask,
  { rate, seconds }: Load,
  name: string
): Promise<ReadonlyArray<Asked>> => {
  const asked: Array<Asked> = []
  const waits: Array<Promise<void>> = []
  const one = async (order: string, kind: Asked["kind"], message: string, attempt: number): Promise<void> => {
    const began = Date.now()
    const note = (answer: Pick<Asked, "failure" | "run">) =>
      asked.push({ message, kind, attempt, asked: began, answered: Date.now(), ...answer })
    try {
      note({ run: (await ask(order, kind, message)).run, failure: null })
    } catch (error) {
      note({ run: null, failure: String(error) })
    }
  }
  const began = Date.now()
  for (let n = 0; n < rate * seconds; n++) {
    const due = began + (n * 1_000) / rate
    if (due > Date.now()) await sleep(due - Date.now())
    const kind = n % 5 === 0 ? "Quote" : "Pay"
    const [order, message] = [`order-${n % ORDERS}`, `${name}-${kind}-${n}`]
    waits.push(one(order, kind, message, 1))
    if (n % 10 === 1) waits.push(one(order, kind, message, 2))
  }
  await Promise.all(waits)
  return asked
}

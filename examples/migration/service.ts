// The Promise program itself, of steps 1 and 2: opens everything, does its work until it is told to end, and closes
// everything in the opposite order.
import { JobQueue, listen, openLedger, pay, poll } from "./promises.js"
import { feed, forever, isOnce, openWorld, report } from "./world.js"

export const service = async (signal: AbortSignal): Promise<void> => {
  const world = await openWorld()
  const ledger = await openLedger(world.ledger)
  const queue = new JobQueue((job, signal) => pay(world.bank, job, signal), ledger.append)

  const polling = new AbortController()
  const poller = (async () => {
    for await (const job of poll(world.spool, polling.signal)) queue.add(job)
  })()
  // BUG: without this line an error of the poller ends the process. With it the service goes on without its poller.
  poller.catch(() => {})

  // BUG: when this fails, the ledger, the poller and the bank stay open, and the process never ends.
  const server = await listen({ add: (job) => queue.add(job), status: () => queue })
  console.log(`listening on ${server.url}`)

  try {
    await (isOnce ? feed(world, server.url, signal) : forever(signal))
  } finally {
    // BUG: when one of these fails, those after it are not closed.
    polling.abort()
    await poller.catch(() => {})
    console.log("closed: poller")
    await server.close()
    console.log("closed: server")
    await queue.close()
    console.log("closed: jobs")
    await ledger.close()
    console.log("closed: ledger")
  }
  // BUG: after an error in what is above, nobody closes the world.
  if (isOnce) await report(world)
  await world.close()
}

import PQueue from "p-queue"
import { acquireAio, currentSignal, fromAio, sleep } from "effect-aio"
import { program } from "./_harness.mjs"

// recipe: a queue that is cleared when its Scope closes, and whose jobs hear the signal of their callers
const open = acquireAio({
  name: "queue",
  open: () => new PQueue({ concurrency: 2 }),
  close: (queue) => (queue.clear(), queue.onIdle())
})
const enqueue = fromAio((queue, job) => {
  const signal = currentSignal()
  return queue.add(() => job(signal), { signal })
})
// end

program({ open, call: (queue) => enqueue(queue, () => sleep(30_000)) })

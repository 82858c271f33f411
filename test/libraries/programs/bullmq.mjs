import { Effect } from "effect"
import { Queue, Worker } from "bullmq"
import { acquireAio, toAio } from "effect-aio"
import { program, url } from "./_harness.mjs"

const connection = { url }
const jobs = Array.from({ length: 200 }, (_, n) => ({ name: `job ${n}`, data: {} }))
const open = acquireAio({
  name: "queue",
  open: async () => {
    const queue = new Queue("jobs", { connection }).on("error", () => {})
    await queue.addBulk(jobs)
    return queue
  },
  close: (queue) => queue.close(),
  grace: "1 second"
})

// recipe: a worker drains its jobs: closing it waits for those that it has begun; without its Redis it never ends
const work = (queue, job) =>
  Effect.gen(function* () {
    const run = yield* toAio(job)
    const open = () => new Worker(queue.name, (job) => run(job), { connection }).on("error", () => {})
    const close = (worker) => worker.close()
    yield* acquireAio({ name: "worker", open, close, grace: "1 second" })
    yield* Effect.never
  }).pipe(Effect.scoped)
// end

const say = (text) => Effect.sync(() => console.log(text))
const job = () => say("begun").pipe(Effect.andThen(Effect.sleep(300)), Effect.ensuring(say("finished")))
program({ open, call: (queue) => work(queue, job) })

/** The line of an executor's jobs, from which its threads take them: our side of the memory, and of the threads' channels. */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads"
import { closeMoved } from "./closeMoved.mjs"
import type { Job } from "./Job.js"
import { cancelled, type JobKind, JobSlots, nothing, parcel } from "./jobSlots.mjs"
import type { JobMessage, JobReply, SentReply } from "./jobWorker.mjs"

/** How the run of a job ended. */
export type Ending = { readonly reply: JobReply } | { readonly died: unknown }

/**
 * How many jobs the threads are given beyond those that have a thread: enough for them to go on while the executor looks at
 * their answers, all of which it then finds at once.
 */
const AHEAD = 128

/** The end of a job that has heeded its cancellation. */
const wasCancelled: Ending = { reply: { kind: "cancelled" } }

/**
 * Legal states of a job here: in the line; begun, in a seat; and, where its arguments have no room in its slot, asked for. A
 * parcel does not wait in the line if a thread does: it is sent with the message that wakes that thread.
 */
export class JobLine {
  readonly #slots: JobSlots
  readonly #jobs: Array<Job | undefined>
  readonly #free: Array<number>
  readonly #ports = new Map<number, MessagePort>()
  readonly #kinds = new Map<string, number>()
  /** The numbers of kinds by what they were made of, which is the same for many jobs. */
  readonly #known = new WeakMap<JobKind, number>()
  readonly memory

  constructor(
    workers: number,
    /** Comes once for a job, with the seat of its thread or -1. */
    private readonly onEnd: (job: Job, ending: Ending, seat: number) => void
  ) {
    const jobs = workers + AHEAD
    this.memory = JobSlots.memory(jobs, workers)
    this.#slots = new JobSlots(this.memory)
    this.#jobs = Array.from({ length: jobs })
    this.#free = Array.from({ length: jobs }, (_, slot) => jobs - 1 - slot)
  }

  /** How many jobs it takes now. */
  get room(): number {
    this.#slots.passTakenBack()
    return Math.min(this.#free.length, this.#slots.room)
  }

  /** Puts a job at its end. There is room for it. */
  give(job: Job): void {
    const slot = this.#free.pop() as number
    job.slot = slot
    this.#jobs[slot] = job
    const number = job.moves ? parcel : this.#kindOf(job.shipment)
    if (this.#slots.write(slot, number, job.args)) job.unpack()
    else if (this.#slots.lineIsEmpty) {
      const seat = this.#wake()
      if (seat !== undefined) {
        this.#slots.hand(slot, seat)
        return this.#send(job, seat)
      }
    }
    this.#slots.queue(slot)
    this.#wakeOne()
  }

  /** Takes a job back that no thread has begun with. */
  takeBack(job: Job): boolean {
    if (!this.#slots.takeBack(job.slot)) return false
    this.#release(job)
    return true
  }

  /** Tells a job to stop. */
  raise(job: Job): void {
    if (job.slot >= 0) this.#slots.raise(job.slot)
  }

  /** The seat in which a job is, or -1. */
  seatOf(job: Job): number {
    return job.slot < 0 ? -1 : this.#slots.seatOf(job.slot)
  }

  /** The seats to which threads have come, or will. */
  get seats(): ReadonlyArray<number> {
    return [...this.#ports.keys()]
  }

  /** Whether the thread of a job may be terminated: it has not ended the job, and will take no other. */
  doom(job: Job): boolean {
    return this.#slots.doom(job.slot)
  }

  /** A seat whose thread has been woken, is in no job, and is kept from taking one. */
  condemn(): number | undefined {
    for (const seat of this.#ports.keys()) {
      // One with a parcel on its way is in that job.
      if (this.#slots.threadIn(seat) === 0 || this.#jobsIn(seat).length > 0) continue
      if (this.#slots.condemns(seat)) return seat
    }
    return undefined
  }

  #jobsIn(seat: number): ReadonlyArray<Job> {
    return this.#jobs.filter((job): job is Job => job !== undefined && this.seatOf(job) === seat)
  }

  /** Whether the thread of a seat, which waits for jobs, is kept from taking one. */
  retire(seat: number): boolean {
    return this.#slots.wakes(seat) && this.#slots.condemns(seat)
  }

  /** Whether the thread of a seat is in a job. */
  isBusy(seat: number): boolean {
    return this.#slots.isBusy(seat)
  }

  /** Node's number of the thread that is in a seat, or 0. */
  threadIn(seat: number): number {
    return this.#slots.threadIn(seat)
  }

  /** Whether the thread that is to have a channel has not come to its seat. */
  awaits(seat: number, port: MessagePort): boolean {
    return this.#ports.get(seat) === port && this.#slots.threadIn(seat) === 0
  }

  /** A thread will come to a seat, and have the other end of its channel. */
  open(seat: number, port: MessagePort): void {
    this.#slots.free(seat)
    this.#ports.set(seat, port)
    port.on("message", (message: SentReply | 0) => this.#onMessage(message))
    // Not the channel keeps the process alive, but a job.
    port.unref()
  }

  /** The thread of a seat has ended, or will not come. What it was in ends with it. */
  close(seat: number, error: unknown): void {
    const port = this.#ports.get(seat)
    if (port === undefined) return
    for (let more = receiveMessageOnPort(port); more !== undefined; more = receiveMessageOnPort(port)) {
      this.#onMessage(more.message as SentReply | 0)
    }
    // It may have died before it told of them.
    this.#hear()
    this.#ports.delete(seat)
    port.close()
    for (const job of this.#jobsIn(seat)) this.#end(job, { died: error })
    // It may have been the one that was to take the next job.
    if (!this.#slots.lineIsEmpty) this.#wakeOne()
  }

  #onMessage(message: SentReply | 0): void {
    this.#hear()
    if (message === 0) return
    const job = this.#jobs[message.slot]
    if (job !== undefined) this.#end(job, { reply: message.reply })
  }

  /** Looks at what the threads have written. */
  #hear(): void {
    for (const slot of this.#slots.takeNews()) {
      const job = this.#jobs[slot]
      if (job === undefined) continue
      if (this.#slots.hasEnded(slot)) this.#end(job, this.#ending(slot))
      else this.#send(job, this.#slots.seatOf(slot))
    }
  }

  #ending(slot: number): Ending {
    const size = this.#slots.sizeOf(slot)
    if (size === cancelled) return wasCancelled
    return { reply: { kind: "value", value: size === nothing ? undefined : this.#slots.read(slot) } }
  }

  /** Sends a job's parcel to the thread of a seat. */
  #send(job: Job, seat: number): void {
    const { name, shipment, slot } = job
    const { args, list } = job.unpack()
    const message: JobMessage = { slot, name, job: shipment.job, args, moved: list }
    const port = this.#ports.get(seat)
    try {
      port?.postMessage(message, [...list])
    } catch (error) {
      closeMoved(list)
      port?.postMessage(0)
      queueMicrotask(() => this.#end(job, { died: error }))
    }
  }

  #end(job: Job, ending: Ending): void {
    const seat = this.seatOf(job)
    this.#release(job)
    this.onEnd(job, ending, seat)
  }

  #release(job: Job): void {
    this.#jobs[job.slot] = undefined
    this.#free.push(job.slot)
    job.slot = -1
  }

  /** The seat of a thread that was waiting, and is to be sent a message. */
  #wake(): number | undefined {
    for (const seat of this.#ports.keys()) if (this.#slots.wakes(seat)) return seat
    return undefined
  }

  #wakeOne(): void {
    const seat = this.#wake()
    if (seat !== undefined) this.#ports.get(seat)?.postMessage(0)
  }

  /** The number by which the threads know what a job runs. */
  #kindOf(shipment: JobKind): number {
    const known = this.#known.get(shipment)
    if (known !== undefined) return known
    // Functions that are made anew for every job have the same source.
    const text = JSON.stringify([shipment.name, shipment.job])
    const number = this.#kinds.get(text) ?? this.#slots.writeKind(shipment)
    if (number !== parcel) this.#kinds.set(text, number)
    this.#known.set(shipment, number)
    return number
  }
}

// @ts-check
/**
 * The memory that an executor shares with its worker threads. A job that has been given to them has a slot in it; a thread
 * takes the first job of the line by itself when it has ended one, and both sides tell each other only when nobody looks:
 *
 *     cells   [ counters | slot 0: flag, owner, kind, size, next | slot 1: ... | line | seats | kinds ]
 *     bytes   [ slot 0: arguments, then the result | slot 1: ... | kinds ]
 *
 *     line      slots of jobs that wait, from `head` to `tail`, in the order in which they were given
 *     next      the slots with news for the executor, from `news` on, the last one first: a result, or that a thread asks for
 *               the parcel with the arguments. The executor takes all of them at once; who finds none there tells it
 *     seats     what each thread is doing, and Node's number of it
 *     kinds     what is run: the same for many jobs, so it is written once
 *
 * A slot says by `owner` who has it: nobody yet, and then by its place in the line, the seat that has begun with it, or that it
 * was taken back. Whoever changes it from its place has the job. What counts `head` on may be any thread, and news is there in
 * one step, so that a thread that dies in between loses nothing.
 * Plain JavaScript, because worker threads load this file without a compiler.
 */

/**
 * What a thread needs to look into it.
 *
 * @typedef {object} JobMemory
 * @property {SharedArrayBuffer} buffer
 * @property {number} jobs
 * @property {number} workers
 *
 * What a job runs, and its name: the source of a function, or the export of a module.
 *
 * @typedef {{ readonly source: string }} Source
 * @typedef {{ readonly module: string, readonly export: string }} Export
 * @typedef {object} JobKind
 * @property {string} name
 * @property {Source | Export} job
 */

const [threads, head, tail, news, counters] = [0, 1, 2, 3, 4]
const [flag, owner, kind, size, next, slotCells] = [0, 1, 2, 3, 4, 5]
const [doing, id, seatCells] = [0, 1, 2]

/** How many bytes of text a slot has room for; what is longer is sent. */
const ROOM = 512
const KINDS = 256
const KINDS_ROOM = 1 << 16

/** States of a slot's flag. */
const [untold, toStop, ended, doomed] = [0, 1, 2, 3]

/** The owner of a slot that was taken back, or never given. */
const nobody = 0
/** The owner of a slot that nobody has begun with: as many places of the line as a cell can tell apart. @type {(place: number) => number} */
const queuedAt = (place) => ~(place & 0x3fffffff)

/**
 * States of a seat: its thread waits for a message; one is on its way to it, or it is between two jobs; it is in a job, or
 * takes one; it is to be terminated, and takes none.
 */
const [waits, woken, busy, condemned] = [1, 2, 3, 4]

/** The kind of a job that is sent. */
export const parcel = -1

/** Results of which there is nothing to be written. */
export const [nothing, cancelled] = [-1, -2]

/** The text of a value that JSON keeps as it is. @type {(value: unknown) => string | undefined} */
export const textOf = (value) => {
  if (value === null) return "null"
  if (typeof value === "string") return value.length > ROOM ? undefined : JSON.stringify(value)
  if (typeof value === "number") {
    return Number.isFinite(value) && !Object.is(value, -0) ? `${value}` : undefined
  }
  return typeof value === "boolean" ? `${value}` : undefined
}

/** The text of arguments, where all of them have one. @type {(args: ReadonlyArray<unknown>) => string | undefined} */
const textOfAll = (args) => {
  let all = ""
  for (const arg of args) {
    const text = textOf(arg)
    if (text === undefined) return undefined
    all += all === "" ? text : `,${text}`
  }
  return `[${all}]`
}

export class JobSlots {
  #cells
  #bytes
  #line
  #places
  #seats
  #kinds
  /** The executor's own: how many kinds are written, and how far. */
  #written = 0
  #end

  /** Memory for so many jobs at once, and threads. @type {(jobs: number, workers: number) => JobMemory} */
  static memory(jobs, workers) {
    const { bytes } = JobSlots.#layout(jobs, workers)
    return { buffer: new SharedArrayBuffer(bytes + jobs * ROOM + KINDS_ROOM), jobs, workers }
  }

  /** @type {(jobs: number, workers: number) => { readonly line: number, readonly places: number, readonly bytes: number }} */
  static #layout(jobs, workers) {
    const line = counters + jobs * slotCells
    // What was taken back has its place until a thread comes to it.
    const places = 2 ** Math.ceil(Math.log2(16 * jobs))
    return { line, places, bytes: 4 * (line + places + seatCells * workers + 2 * KINDS) }
  }

  /** @param {JobMemory} memory */
  constructor({ buffer, jobs, workers }) {
    const { bytes, line, places } = JobSlots.#layout(jobs, workers)
    this.#cells = new Int32Array(buffer, 0, bytes / 4)
    this.#bytes = Buffer.from(buffer, bytes)
    this.#line = line
    this.#places = places
    this.#seats = line + places
    this.#kinds = this.#seats + seatCells * workers
    this.#end = jobs * ROOM
  }

  // What the executor does.

  /**
   * Writes a job into a slot: as one whose arguments are sent, where they have no text or one that is too long.
   *
   * @type {(slot: number, number: number, args: ReadonlyArray<unknown>) => boolean} Whether it is written.
   */
  write(slot, number, args) {
    const text = number === parcel ? undefined : textOfAll(args)
    const written = text !== undefined && this.#put(slot, text)
    Atomics.store(this.#cells, this.#at(slot, kind), written ? number : parcel)
    Atomics.store(this.#cells, this.#at(slot, flag), untold)
    return written
  }

  /**
   * The number of a kind, which is written down where there is room; otherwise what is to run is sent with every job.
   *
   * @type {(what: JobKind) => number}
   */
  writeKind(what) {
    const text = JSON.stringify(what)
    const length = Buffer.byteLength(text)
    if (this.#written === KINDS || this.#end + length > this.#bytes.length) return parcel
    const number = this.#written++
    this.#bytes.write(text, this.#end)
    Atomics.store(this.#cells, this.#kinds + 2 * number, this.#end)
    Atomics.store(this.#cells, this.#kinds + 2 * number + 1, length)
    this.#end += length
    return number
  }

  /** Puts a slot at the end of the line. @type {(slot: number) => void} */
  queue(slot) {
    const place = Atomics.load(this.#cells, tail)
    Atomics.store(this.#cells, this.#at(slot, owner), queuedAt(place))
    Atomics.store(this.#cells, this.#line + (place & (this.#places - 1)), slot)
    Atomics.store(this.#cells, tail, (place + 1) | 0)
  }

  /** Gives a slot to the thread of a seat. @type {(slot: number, seat: number) => void} */
  hand(slot, seat) {
    Atomics.store(this.#cells, this.#at(slot, owner), seat + 1)
  }

  /** How many more the line has places for. */
  get room() {
    return this.#places - ((Atomics.load(this.#cells, tail) - Atomics.load(this.#cells, head)) | 0)
  }

  /** Goes on in the line as far as jobs were taken back: no thread may come by for long. */
  passTakenBack() {
    for (;;) {
      const place = Atomics.load(this.#cells, head)
      if (place === Atomics.load(this.#cells, tail)) return
      const slot = Atomics.load(this.#cells, this.#line + (place & (this.#places - 1)))
      if (Atomics.load(this.#cells, this.#at(slot, owner)) === queuedAt(place)) return
      Atomics.compareExchange(this.#cells, head, place, (place + 1) | 0)
    }
  }

  get lineIsEmpty() {
    return Atomics.load(this.#cells, head) === Atomics.load(this.#cells, tail)
  }

  /** Takes a job back that no thread has begun with. @type {(slot: number) => boolean} */
  takeBack(slot) {
    const at = this.#at(slot, owner)
    const before = Atomics.load(this.#cells, at)
    return before < nobody && Atomics.compareExchange(this.#cells, at, before, nobody) === before
  }

  /** Tells a job to stop. @type {(slot: number) => void} */
  raise(slot) {
    const at = this.#at(slot, flag)
    Atomics.compareExchange(this.#cells, at, untold, toStop)
    Atomics.notify(this.#cells, at)
  }

  /**
   * Whether the thread of a job may be terminated: it has not ended the job, and will take no other.
   *
   * @type {(slot: number) => boolean}
   */
  doom(slot) {
    const at = this.#at(slot, flag)
    for (;;) {
      const before = Atomics.load(this.#cells, at)
      if (before === ended) return false
      if (Atomics.compareExchange(this.#cells, at, before, doomed) === before) return true
    }
  }

  /** The slots with news, the oldest first. From this look on, the first thread with more says so. */
  takeNews() {
    /** @type {Array<number>} */
    const slots = []
    let slot = Atomics.exchange(this.#cells, news, 0) - 1
    for (; slot >= 0; slot = Atomics.load(this.#cells, this.#at(slot, next)) - 1) slots.push(slot)
    return slots.reverse()
  }

  /** Whether a slot's news is that its job has ended. @type {(slot: number) => boolean} */
  hasEnded(slot) {
    return Atomics.load(this.#cells, this.#at(slot, flag)) === ended
  }

  /** A seat is free, and the next thread is to come to it. @type {(seat: number) => void} */
  free(seat) {
    Atomics.store(this.#cells, this.#seatAt(seat, id), 0)
    Atomics.store(this.#cells, this.#seatAt(seat, doing), woken)
  }

  /** Node's number of the thread in a seat, or 0. @type {(seat: number) => number} */
  threadIn(seat) {
    return Atomics.load(this.#cells, this.#seatAt(seat, id))
  }

  /** Whether the thread of a seat is in a job. @type {(seat: number) => boolean} */
  isBusy(seat) {
    return Atomics.load(this.#cells, this.#seatAt(seat, doing)) === busy
  }

  /** Whether the thread of a seat waits for a message, which it is sent then. @type {(seat: number) => boolean} */
  wakes(seat) {
    return Atomics.compareExchange(this.#cells, this.#seatAt(seat, doing), waits, woken) === waits
  }

  /** Whether the thread of a seat, which is in no job, is kept from taking one. @type {(seat: number) => boolean} */
  condemns(seat) {
    return Atomics.compareExchange(this.#cells, this.#seatAt(seat, doing), woken, condemned) === woken
  }

  // What both do.

  /** @type {(slot: number, cell: number) => number} */
  #at(slot, cell) {
    return counters + slot * slotCells + cell
  }

  /** @type {(seat: number, cell: number) => number} */
  #seatAt(seat, cell) {
    return this.#seats + seat * seatCells + cell
  }

  /** The seat of the thread that has begun with the job of a slot, or -1. @type {(slot: number) => number} */
  seatOf(slot) {
    return Math.max(nobody, Atomics.load(this.#cells, this.#at(slot, owner))) - 1
  }

  /** @type {(slot: number, text: string) => boolean} */
  #put(slot, text) {
    if (text.length * 3 > ROOM && Buffer.byteLength(text) > ROOM) return false
    Atomics.store(this.#cells, this.#at(slot, size), this.#bytes.write(text, slot * ROOM))
    return true
  }

  /** What is written in a slot: arguments, or a result, or that there is nothing to be read. @type {(slot: number) => unknown} */
  read(slot) {
    const start = slot * ROOM
    return JSON.parse(this.#bytes.toString("utf8", start, start + this.sizeOf(slot)))
  }

  /** How much is written in a slot, or what the result is without that. @type {(slot: number) => number} */
  sizeOf(slot) {
    return Atomics.load(this.#cells, this.#at(slot, size))
  }

  // What a thread does.

  /** How many threads there have been before this one. */
  countThread() {
    return Atomics.add(this.#cells, threads, 1)
  }

  /** The thread takes its seat. @type {(seat: number, thread: number) => void} */
  sits(seat, thread) {
    Atomics.store(this.#cells, this.#seatAt(seat, id), thread)
  }

  /** Whether the thread may take a job. @type {(seat: number) => boolean} */
  rises(seat) {
    return Atomics.compareExchange(this.#cells, this.#seatAt(seat, doing), woken, busy) === woken
  }

  /** It has ended a job, and will look for the next one. @type {(seat: number) => void} */
  rests(seat) {
    Atomics.store(this.#cells, this.#seatAt(seat, doing), woken)
  }

  /** Waits for a message; false where there is a job after all, and none will come. @type {(seat: number) => boolean} */
  parks(seat) {
    Atomics.store(this.#cells, this.#seatAt(seat, doing), waits)
    return this.lineIsEmpty || !this.wakes(seat)
  }

  /** The first job of the line, which is the thread's from now on; -1 where there is none. @type {(seat: number) => number} */
  take(seat) {
    for (;;) {
      const place = Atomics.load(this.#cells, head)
      if (place === Atomics.load(this.#cells, tail)) return -1
      const slot = Atomics.load(this.#cells, this.#line + (place & (this.#places - 1)))
      const here = queuedAt(place)
      const mine = Atomics.compareExchange(this.#cells, this.#at(slot, owner), here, seat + 1) === here
      Atomics.compareExchange(this.#cells, head, place, (place + 1) | 0)
      if (mine) return slot
    }
  }

  /** The number of what a job runs, or undefined where that is sent with its arguments. @type {(slot: number) => number | undefined} */
  kindOf(slot) {
    const number = Atomics.load(this.#cells, this.#at(slot, kind))
    return number === parcel ? undefined : number
  }

  /** @type {(number: number) => JobKind} */
  readKind(number) {
    const start = Atomics.load(this.#cells, this.#kinds + 2 * number)
    const length = Atomics.load(this.#cells, this.#kinds + 2 * number + 1)
    return JSON.parse(this.#bytes.toString("utf8", start, start + length))
  }

  /** Whether a job is told to stop. @type {(slot: number) => boolean} */
  isTold(slot) {
    const state = Atomics.load(this.#cells, this.#at(slot, flag))
    return state === toStop || state === doomed
  }

  /** The cell that says whether a job is told to stop, and what it is until then. @type {(slot: number) => readonly [Int32Array, number, number]} */
  flagOf(slot) {
    return [this.#cells, this.#at(slot, flag), untold]
  }

  /** The job has ended; false where its thread is being terminated because of it. @type {(slot: number) => boolean} */
  ends(slot) {
    return Atomics.exchange(this.#cells, this.#at(slot, flag), ended) !== doomed
  }

  /** Writes a result; false where it has to be sent. @type {(slot: number, value: unknown) => boolean} */
  answer(slot, value) {
    if (value === undefined) return this.answerWith(slot, nothing)
    const text = textOf(value)
    return text !== undefined && this.#put(slot, text)
  }

  /** @type {(slot: number, result: number) => true} */
  answerWith(slot, result) {
    Atomics.store(this.#cells, this.#at(slot, size), result)
    return true
  }

  /** There is news in a slot. True where the executor has to be told. @type {(slot: number) => boolean} */
  tells(slot) {
    for (;;) {
      const last = Atomics.load(this.#cells, news)
      Atomics.store(this.#cells, this.#at(slot, next), last)
      if (Atomics.compareExchange(this.#cells, news, last, slot + 1) === last) return last === 0
    }
  }
}

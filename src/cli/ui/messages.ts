/** What the page is told: types only, which both ends have. */
import type { LoopStatistics } from "../../Loop/kernel/BaseEventLoop.js"

/**
 * One row of a loop, or several that differ in nothing. No age is in it but the time of its birth, so that a row of which nothing
 * is new is the same text from one picture to the next.
 */
export interface PageRow {
  /** The same in each picture, and no other's. */
  readonly id: string
  /** The id of its loop. */
  readonly loop: string
  readonly what: string
  readonly name: string
  readonly state: string
  readonly waitingOn: string
  readonly createdAt: string
  /** A fiber's annotations, in a line. */
  readonly notes: string
  /** In milliseconds since 1970, where that is known. */
  readonly born: number | undefined
  /** How many rows it stands for. */
  readonly count: number
  /** The rows that it waits for, by their ids. */
  readonly waitsFor: ReadonlyArray<string>
  /** The id of the fiber that has forked it. */
  readonly parent: string | undefined
}

export interface PageLoop {
  readonly id: string
  readonly thread: number
  readonly numbers: LoopStatistics
  /** How many rows there are that the page does not get. */
  readonly more: number
  /** Rows that wait for each other in a circle, by their ids. */
  readonly circles: ReadonlyArray<ReadonlyArray<string>>
  /** What keeps Node from ending. */
  readonly resources: Readonly<Record<string, number>>
  /** How late callbacks of its thread were since the last picture, in milliseconds; unknown in the first one. */
  readonly delay: { readonly mean: number; readonly max: number } | undefined
}

export interface PageThread {
  readonly thread: number
  /** Whether the library is there. */
  readonly library: boolean
  /** Where it is, if it gives Node no turn. */
  readonly busy: ReadonlyArray<string> | undefined
}

/** What was seen at one moment. */
interface Seen {
  /** When, in milliseconds since 1970. */
  readonly at: number
  /** After how many milliseconds one looks again. */
  readonly next: number
  readonly threads: ReadonlyArray<PageThread>
  readonly loops: ReadonlyArray<PageLoop>
}

/** All that is there: the first message, and the first after some that were left out. */
export interface AllMessage extends Seen {
  readonly kind: "all"
  readonly pid: number
  /** By what it is seen, in words. */
  readonly by: string
  readonly rows: ReadonlyArray<PageRow>
}

/** What is new since the message before. */
export interface ChangesMessage extends Seen {
  readonly kind: "changes"
  readonly rows: ReadonlyArray<PageRow>
  /** The ids of the rows that are there no more. */
  readonly gone: ReadonlyArray<string>
}

/** Nothing could be seen; one will look again. */
export interface TroubleMessage {
  readonly kind: "trouble"
  readonly at: number
  readonly text: string
}

/** The last one. */
export interface EndedMessage {
  readonly kind: "ended"
  readonly at: number
  readonly text: string
}

export type Message = AllMessage | ChangesMessage | TroubleMessage | EndedMessage

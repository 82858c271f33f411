// @ts-check
/**
 * The memory that an executor shares with its worker threads, as an Int32Array:
 *
 *     [ threads so far | told to stop, thread id | told to stop, thread id | ... ]
 *                        slot 0                    slot 1
 *
 * A running job has one slot. Plain JavaScript, because worker threads load this file without a compiler.
 */

/** @type {(jobs: number) => Int32Array} */
export const makeSlots = (jobs) => new Int32Array(new SharedArrayBuffer(4 * (1 + 2 * jobs)))

/** The cell that counts the threads there have been: their numbers in their names. */
export const threads = 0

/** The cell of a slot that says whether the job is told to stop: 0 or 1. @type {(slot: number) => number} */
export const flagOf = (slot) => 1 + 2 * slot

/** The cell of a slot that names the thread that has begun with the job, or 0. @type {(slot: number) => number} */
export const threadOf = (slot) => 2 + 2 * slot

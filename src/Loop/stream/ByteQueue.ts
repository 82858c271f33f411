/**
 * Bytes in the order in which they came, as the chunks they came in: what is taken is copied only where it spans several.
 *
 *     chunks   [ - - | aaaa | bb | cccccc ]
 *                 head ^
 */
import { Buffer } from "node:buffer"

const empty = Buffer.alloc(0)

/** `chunks[head]` is the first that has something; those before it are empty, and are cut off now and then. */
export class ByteQueue {
  #chunks: Array<Buffer> = []
  #head = 0
  #size = 0

  /** The number of bytes in the queue. */
  get size(): number {
    return this.#size
  }

  /** Adds bytes at the end. */
  push(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#chunks.push(bytes)
    this.#size += bytes.length
  }

  /** Puts bytes back that were taken. */
  unshift(bytes: Buffer): void {
    if (bytes.length === 0) return
    if (this.#head > 0) this.#chunks[--this.#head] = bytes
    else this.#chunks.unshift(bytes)
    this.#size += bytes.length
  }

  /** The first `n` bytes, or all there are. */
  take(n: number): Buffer {
    const wanted = Math.min(n, this.#size)
    if (wanted <= 0) return empty
    const first = this.#chunks[this.#head] as Buffer
    if (first.length > wanted) {
      this.#chunks[this.#head] = first.subarray(wanted)
      this.#size -= wanted
      return first.subarray(0, wanted)
    }
    if (first.length === wanted) return this.#shift()
    const taken = Buffer.allocUnsafe(wanted)
    for (let at = 0; at < wanted;) {
      const chunk = this.#chunks[this.#head] as Buffer
      const length = Math.min(chunk.length, wanted - at)
      chunk.copy(taken, at, 0, length)
      at += length
      if (length === chunk.length) this.#shift()
      else {
        this.#chunks[this.#head] = chunk.subarray(length)
        this.#size -= length
      }
    }
    return taken
  }

  /** The position where `separator` first begins, at `from` or after it, or -1. */
  indexOf(separator: Buffer, from: number): number {
    const reach = separator.length - 1
    // From the end, where `from` mostly is: a line that comes byte by byte is not walked through for each of them.
    let i = this.#chunks.length
    let start = this.#size
    while (i > this.#head && start > from) start -= (this.#chunks[--i] as Buffer).length
    for (; i < this.#chunks.length; i++) {
      const chunk = this.#chunks[i] as Buffer
      const end = start + chunk.length
      const inside = chunk.indexOf(separator, Math.max(0, from - start))
      if (inside >= 0) return start + inside
      if (reach > 0 && end < this.#size) {
        const begin = Math.max(from, end - reach)
        const across = this.#peek(begin, end + reach).indexOf(separator)
        if (across >= 0) return begin + across
      }
      start = end
    }
    return -1
  }

  /** A copy of the bytes from `from` to `to`, or to the end. */
  #peek(from: number, to: number): Buffer {
    let i = this.#chunks.length
    let start = this.#size
    while (i > this.#head && start > from) start -= (this.#chunks[--i] as Buffer).length
    const parts: Array<Buffer> = []
    for (; i < this.#chunks.length && start < to; i++) {
      const chunk = this.#chunks[i] as Buffer
      parts.push(chunk.subarray(Math.max(0, from - start), to - start))
      start += chunk.length
    }
    return Buffer.concat(parts)
  }

  #shift(): Buffer {
    const chunk = this.#chunks[this.#head] as Buffer
    this.#chunks[this.#head++] = empty
    this.#size -= chunk.length
    if (this.#head === this.#chunks.length) {
      // Mostly there was this one: the next chunk finds the room of it.
      if (this.#head === 1) this.#chunks.pop()
      else this.#chunks = []
      this.#head = 0
    } else if (this.#head >= 64 && this.#head * 2 >= this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#head)
      this.#head = 0
    }
    return chunk
  }
}

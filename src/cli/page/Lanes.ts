/**
 * Lanes, one below the other, and from when on each of them is free: the first one from a given one on is found in a time that
 * grows with the logarithm of their number. A tree of minima, whose leaves are the lanes.
 */
export class Lanes {
  #leaves = 1
  #minima = new Float64Array([-Infinity, -Infinity])
  #used = 0

  /** How many have been used. */
  get count(): number {
    return this.#used
  }

  /** Takes the first lane from `from` on that is free at `start`, until `end`; gives its number. */
  take(from: number, start: number, end: number): number {
    let lane = this.#find(1, 0, this.#leaves, from, start)
    while (lane < 0) {
      this.#grow()
      lane = this.#find(1, 0, this.#leaves, from, start)
    }
    this.#set(lane, end)
    this.#used = Math.max(this.#used, lane + 1)
    return lane
  }

  #find(node: number, low: number, size: number, from: number, start: number): number {
    if (low + size <= from || (this.#minima[node] as number) > start) return -1
    if (size === 1) return low
    const half = size / 2
    const left = this.#find(2 * node, low, half, from, start)
    return left >= 0 ? left : this.#find(2 * node + 1, low + half, half, from, start)
  }

  #set(lane: number, end: number): void {
    let node = this.#leaves + lane
    this.#minima[node] = end
    while (node > 1) {
      node >>= 1
      this.#minima[node] = Math.min(this.#minima[2 * node] as number, this.#minima[2 * node + 1] as number)
    }
  }

  #grow(): void {
    const before = this.#minima.subarray(this.#leaves, 2 * this.#leaves)
    const leaves = 2 * this.#leaves
    const minima = new Float64Array(2 * leaves).fill(-Infinity)
    minima.set(before, leaves)
    for (let node = leaves - 1; node > 0; node--)
      minima[node] = Math.min(minima[2 * node] as number, minima[2 * node + 1] as number)
    this.#leaves = leaves
    this.#minima = minima
  }
}

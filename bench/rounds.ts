/**
 * The order of samples: every contender once per round, in turns, so that what else the machine does reaches all of them. What
 * was measured while the code was cold is dropped.
 *
 *     round 1   a b c d
 *     round 2   b c d a        so that nobody always follows the same neighbour
 */
import type { Measured, Sample } from "./result.js"

/** A contender that can be asked for samples. */
export interface Lane {
  readonly name: string
  readonly ours: boolean
  readonly library: string | undefined
  readonly n: number
  readonly sample: () => Promise<Sample>
}

export interface Rounds {
  readonly warmUp: number
  readonly kept: number
}

export const QUICK: Rounds = { warmUp: 0, kept: 2 }
export const FULL: Rounds = { warmUp: 2, kept: 5 }
export const ONCE: Rounds = { warmUp: 0, kept: 1 }

const gathered = ({ library, n, name, ours }: Lane, samples: ReadonlyArray<Sample>): Measured => {
  const all = (key: keyof Sample): ReadonlyArray<number> => samples.flatMap((sample) => sample[key] ?? [])
  const some = (key: "p50" | "p99" | "bytes") => (all(key).length === 0 ? {} : { [key]: all(key) })
  return {
    name,
    ours,
    ...(library === undefined ? {} : { library }),
    n,
    wall: all("wall"),
    cpu: all("cpu"),
    ...some("p50"),
    ...some("p99"),
    ...some("bytes")
  }
}

/** Measures the lanes against each other. What another build of the library cannot do yet is left out, and said. */
export const inTurns = async (
  lanes: ReadonlyArray<Lane>,
  { kept, warmUp }: Rounds,
  leftOut: (name: string) => void = () => {}
): Promise<ReadonlyArray<Measured>> => {
  const samples = new Map(lanes.map((lane) => [lane, Array<Sample>()]))
  for (let round = 0; round < warmUp + kept; round++)
    for (let turn = 0; turn < lanes.length; turn++) {
      const lane = lanes[(round + turn) % lanes.length] as Lane
      const kept = samples.get(lane)
      if (kept === undefined) continue
      try {
        const sample = await lane.sample()
        if (round >= warmUp) kept.push(sample)
      } catch (cause) {
        const { library, name } = lane
        const failure = `${name}${library === undefined ? "" : ` [${library}]`}: ${String(cause)}`
        if (library === undefined || round > 0) throw new Error(failure, { cause })
        samples.delete(lane)
        leftOut(failure)
      }
    }
  return [...samples].map(([lane, kept]) => gathered(lane, kept))
}

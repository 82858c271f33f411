/** The rows as lines of a tree: at the top are the loops, below each whom nobody waits for, below that what it waits for. */
import type { PageLoop, PageRow } from "../ui/messages.js"

/** So many rows beside each other that are alike are one line, which can be opened. */
const ALIKE = 6

/** A chain that is deeper is not indented further. */
export const DEEPEST = 30

export interface Line {
  /** Its place in the tree: the same from one picture to the next. */
  readonly key: string
  readonly depth: number
  readonly loop: PageLoop
  /** Nothing where it is a loop's line. */
  readonly row: PageRow | undefined
  /** How many rows it stands for: more than one where they are alike. */
  readonly count: number
  /** Nothing where nothing is below it. */
  readonly open: boolean | undefined
  /** It is shown in full above, for another one that waits for it. */
  readonly again: boolean
}

/** Whether a line was opened or shut by hand. */
export type Opened = ReadonlyMap<string, boolean>

interface Branch {
  readonly ids: ReadonlyArray<string>
  readonly depth: number
  readonly key: string
}

const alike = ({ createdAt, name, notes, state, waitingOn, what }: PageRow): string =>
  JSON.stringify([what, name, state, waitingOn, createdAt, notes])

/** Rows beside each other, those that are alike together. */
const grouped = (
  ids: ReadonlyArray<string>,
  rows: ReadonlyMap<string, PageRow>
): ReadonlyArray<ReadonlyArray<string>> => {
  if (ids.length < ALIKE) return ids.map((id) => [id])
  const groups = new Map<string, Array<string>>()
  for (const id of ids) {
    const row = rows.get(id)
    if (row === undefined) continue
    const like = alike(row)
    const group = groups.get(like)
    if (group === undefined) groups.set(like, [id])
    else group.push(id)
  }
  return [...groups.values()].flatMap((group) => (group.length < ALIKE ? group.map((id) => [id]) : [group]))
}

/** The lines that are to be seen. */
export const linesOf = (
  loops: ReadonlyArray<PageLoop>,
  rows: ReadonlyMap<string, PageRow>,
  opened: Opened,
  filter: string
): ReadonlyArray<Line> => {
  const lines: Array<Line> = []
  const forks = new Map<string, Array<string>>()
  const hanging = new Set<string>()
  const ofLoop = new Map<string, Array<PageRow>>()
  for (const row of rows.values()) {
    const its = ofLoop.get(row.loop)
    if (its === undefined) ofLoop.set(row.loop, [row])
    else its.push(row)
    for (const id of row.waitsFor) hanging.add(id)
    if (row.parent === undefined || !rows.has(row.parent)) continue
    hanging.add(row.id)
    const list = forks.get(row.parent)
    if (list === undefined) forks.set(row.parent, [row.id])
    else list.push(row.id)
  }
  const below = ({ id, waitsFor }: PageRow): ReadonlyArray<string> =>
    [...new Set([...waitsFor, ...(forks.get(id) ?? [])])].filter((other) => rows.has(other))

  const drawn = new Set<string>()
  const draw = (loop: PageLoop, tops: ReadonlyArray<string>): void => {
    const branches: Array<Branch> = []
    const push = (ids: ReadonlyArray<string>, depth: number, key: string): void => {
      const groups = grouped(ids, rows)
      for (let i = groups.length - 1; i >= 0; i--)
        branches.push({ ids: groups[i] as ReadonlyArray<string>, depth, key })
    }
    push(tops, 1, loop.id)
    for (let at = branches.pop(); at !== undefined; at = branches.pop()) {
      const { depth, ids } = at
      const row = rows.get(ids[0] as string) as PageRow
      if (ids.length > 1) {
        const key = `${at.key}>${alike(row)}`
        const open = opened.get(key) ?? false
        lines.push({ key, depth, loop, row, count: ids.length, open, again: false })
        // What is in it counts as drawn, or it would come again as what nobody waits for.
        for (const id of ids) drawn.add(id)
        if (open)
          for (let i = ids.length - 1; i >= 0; i--)
            branches.push({ ids: [ids[i] as string], depth: depth + 1, key: `${key}=` })
        else for (const id of ids) hide(id)
        continue
      }
      const inGroup = at.key.endsWith("=")
      const again = drawn.has(row.id) && !inGroup
      drawn.add(row.id)
      const its = again ? [] : below(row)
      const key = again ? `${at.key}@${row.id}` : `${loop.id}>${row.id}`
      const open = its.length === 0 ? undefined : (opened.get(key) ?? true)
      lines.push({ key, depth, loop, row, count: row.count, open, again })
      if (open === true) push(its, depth + 1, key)
      else for (const id of its) hide(id)
    }
  }
  /** What is below a line that is shut is there, too. */
  const hide = (top: string): void => {
    const waiting = [top]
    const seen = new Set<string>()
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const row = rows.get(id)
      if (row === undefined || seen.has(id)) continue
      seen.add(id)
      drawn.add(id)
      waiting.push(...below(row))
    }
  }

  const wanted = filter.trim().toLowerCase()
  const fits = (row: PageRow): boolean =>
    `${row.what} ${row.name} ${row.state} ${row.waitingOn} ${row.createdAt} ${row.notes}`
      .toLowerCase()
      .includes(wanted)
  for (const loop of loops) {
    const its = ofLoop.get(loop.id) ?? []
    const open = its.length === 0 ? undefined : (opened.get(loop.id) ?? true)
    lines.push({ key: loop.id, depth: 0, loop, row: undefined, count: its.length, open, again: false })
    if (open !== true) continue
    if (wanted !== "") {
      for (const row of its)
        if (fits(row))
          lines.push({
            key: `${loop.id}?${row.id}`,
            depth: 1,
            loop,
            row,
            count: row.count,
            open: undefined,
            again: false
          })
      continue
    }
    draw(
      loop,
      its.filter(({ id }) => !hanging.has(id)).map(({ id }) => id)
    )
    // What is left waits in a circle: it hangs below itself.
    for (const { id } of its) if (!drawn.has(id)) draw(loop, [id])
  }
  return lines
}

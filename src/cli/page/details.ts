/** All that is known of the row that was chosen. */
import type { PageRow } from "../ui/messages.js"
import { make, part } from "./dom.js"
import type { Model } from "./Model.js"
import { lasting, titleOf } from "./words.js"

/** So many rows are named. */
const NAMED = 20

const named = (model: Model, ids: ReadonlyArray<string>): string => {
  const names = ids.slice(0, NAMED).map((id) => {
    const row = model.rows.get(id)
    return row === undefined ? "something that has ended" : titleOf(row)
  })
  return [...names, ...(ids.length > NAMED ? [`and ${ids.length - NAMED} more`] : [])].join("\n")
}

/** `last` is what was seen of a row that is there no more. */
export const details = (model: Model, id: string | undefined, last?: PageRow): void => {
  const place = part("detail")
  const row = id === undefined ? undefined : (model.rows.get(id) ?? last)
  if (row === undefined) return place.replaceChildren()
  const waiters = [...model.rows.values()]
    .filter(({ waitsFor }) => waitsFor.includes(row.id))
    .map(({ id }) => id)
  const facts: ReadonlyArray<readonly [string, string]> = [
    ["name", `${row.count > 1 ? `${row.count} × ` : ""}${titleOf(row)}`],
    ["state", model.rows.has(row.id) ? row.state : `ended; before: ${row.state}`],
    ["age", row.born === undefined ? "" : lasting(model.at - row.born)],
    ["waiting on", row.waitingOn],
    ["waits for", named(model, row.waitsFor)],
    ["waited for by", named(model, waiters)],
    ["forked by", row.parent === undefined ? "" : named(model, [row.parent])],
    ["created at", row.createdAt],
    ["annotations", row.notes]
  ]
  const list = make("dl")
  for (const [name, text] of facts) if (text !== "") list.append(make("dt", name), make("dd", text))
  place.replaceChildren(list)
}

// The ledger: who asked, what ran, what was answered, in tables of the database that no engine knows of. The check reads it.

/** One statement on a database, by whatever driver. */
export type Query = (sql: string, values?: ReadonlyArray<unknown>) => Promise<ReadonlyArray<unknown>>

/** A message as a client has asked it, and what became of it. */
export interface Asked {
  readonly message: string
  /** "Pay" is stored before it is sent; "Quote" is not. */
  readonly kind: "Pay" | "Quote"
  /** A client that asks twice, with the same primary key, has two of these. */
  readonly attempt: number
  readonly asked: number
  readonly answered: number | null
  /** The run that the answer came from. */
  readonly run: string | null
  readonly failure: string | null
}

/** One time that a runner has worked on a message. */
export interface Run {
  readonly run: string
  readonly message: string
  readonly kind: "Pay" | "Quote"
  readonly runner: string
  readonly began: number
  /** `null` of one that was cut. */
  readonly ended: number | null
}

export interface Ledger {
  readonly asked: ReadonlyArray<Asked>
  readonly runs: ReadonlyArray<Run>
  /** The payments that were made, by the run that made them. */
  readonly paid: ReadonlyArray<{ readonly message: string; readonly run: string }>
  /** What the engine has stored: each message that it stores, and how many answers to it. */
  readonly stored: ReadonlyArray<{ readonly message: string; readonly replies: number }>
}

const now = "(extract(epoch from clock_timestamp()) * 1000)::float8"

export const createLedger = async (query: Query): Promise<void> => {
  await query(
    "create table asked (message text, kind text, attempt int, asked float8, answered float8, run text, failure text)"
  )
  await query(
    "create table runs (run text primary key, message text, kind text, runner text, began float8, ended float8)"
  )
  // What may happen once only has its own key: a message that is served at least once is made so by this table.
  await query("create table paid (message text primary key, run text)")
}

export const beginRun = (query: Query, run: Omit<Run, "began" | "ended">) =>
  query(`insert into runs values ($1, $2, $3, $4, ${now}, null)`, [
    run.run,
    run.message,
    run.kind,
    run.runner
  ])

/** The payment and the end of its run, in one statement: both or neither. Gives the run that has made it, this one or another. */
export const endRun = async (query: Query, run: Omit<Run, "began" | "ended">): Promise<string> => {
  if (run.kind === "Quote") {
    await query(`update runs set ended = ${now} where run = $1`, [run.run])
    return run.run
  }
  const rows = await query(
    `with ended as (update runs set ended = ${now} where run = $1)
     insert into paid values ($2, $1) on conflict (message) do update set run = paid.run returning run`,
    [run.run, run.message]
  )
  return (rows[0] as { readonly run: string }).run
}

export const noteAsked = async (query: Query, asked: ReadonlyArray<Asked>): Promise<void> => {
  await query("insert into asked select * from json_populate_recordset(null::asked, $1::json)", [
    JSON.stringify(asked)
  ])
}

/** What the engine has stored, where its storage is this database. */
export const readStored = async (query: Query): Promise<Ledger["stored"]> =>
  (await query(
    `select m.payload::json ->> 'message' as message, count(r.id)::int as replies
     from cluster_messages m left join cluster_replies r on r.request_id = m.id where m.kind = 0 group by m.id`
  )) as Ledger["stored"]

export const readLedger = async (query: Query, stored: Ledger["stored"]): Promise<Ledger> => ({
  asked: (await query("select * from asked order by asked")) as Ledger["asked"],
  runs: (await query("select * from runs order by began")) as Ledger["runs"],
  paid: (await query("select * from paid")) as Ledger["paid"],
  stored
})

// The exam: three runners and a client that goes on asking; one runner is killed, one told to stop; then the database goes away,
// comes back, and goes for good. What the engine promises is held against the ledger.
import { availableParallelism, loadavg } from "node:os"
import type pg from "pg"
import { check, type Events, type Time } from "../check.js"
import { createLedger, type Query, readLedger, readStored } from "../ledger.js"
import type { SettingsName } from "../settings.js"
import { openBank } from "./bank.js"
import { openPool, queryOf } from "./pool.js"
import { type Program, Programs, sleep, until, within } from "./processes.js"

/** A PostgreSQL server that the exam may stop and start. */
export interface Server {
  readonly url: string
  readonly start: () => Promise<void>
  readonly stop: () => Promise<void>
}

export interface ExamOptions {
  readonly postgres: Server
  /** Where runner.js and client.js are. */
  readonly programs: URL
  readonly settings: SettingsName
  /** How long the client asks, and how many messages a second. */
  readonly seconds: number
  readonly rate: number
  readonly freePort: () => Promise<number>
  readonly print: (line: string) => void
}

interface Connections {
  readonly name: string
  readonly connections: number
}

const SHARDS = 300
/** How long a machine that is busy with something else may take to serve what has waited. */
const BACKLOG = 60_000
/** Whose the shards are, by the connections that hold their locks. */
const shardsOf = async (query: Query): Promise<Readonly<Record<string, number>>> => {
  const rows = await query(
    `select application_name as name, count(*)::int as shards from pg_locks join pg_stat_activity using (pid)
     where locktype = 'advisory' and granted group by 1`
  )
  return Object.fromEntries(
    (rows as Array<{ name: string; shards: number }>).map(({ name, shards }) => [name, shards])
  )
}

const statements = async (query: Query): Promise<number> => {
  const [row] = await query(
    "select sum(calls)::int as calls from pg_stat_statements where query not like 'select $1'"
  )
  return (row as { readonly calls: number }).calls
}

/** When a runner was without the storage, as it says itself; its words come a little late. */
const unsureOf = (runner: Program): ReadonlyArray<Time> => {
  const recovered = runner.times("Shard lock storage has recovered")
  return runner
    .times("Shard lock storage is unhealthy")
    .map((at) => [at - 2_000, recovered.find((again) => again >= at) ?? Date.now()] as const)
}

/** Messages that are stored and not answered. */
const unanswered = async (query: Query): Promise<number> => {
  const [row] = await query(
    `select count(*)::int as messages from cluster_messages m
     where kind = 0 and not exists (select 1 from cluster_replies where request_id = m.id)`
  )
  return (row as { readonly messages: number }).messages
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

export const exam = async (options: ExamOptions): Promise<boolean> => {
  const { freePort, postgres, print } = options
  // What takes seconds with fast settings takes half a minute with the engine's own.
  const [start, takeover, handover] =
    options.settings === "fast" ? [20_000, 20_000, 10_000] : [60_000, 90_000, 20_000]
  const patience = options.settings === "fast" ? 6_000 : 20_000
  const programs = new Programs()
  const bank = await openBank()
  let pool: pg.Pool = openPool(postgres.url, "exam", 2)
  const query: Query = (sql, values) => within(5_000, sql, queryOf(pool)(sql, values))
  const env = { DATABASE: postgres.url, BANK: bank.url, SETTINGS: options.settings, PATIENCE: `${patience}` }

  const startRunner = async (name: string): Promise<Program> =>
    programs.start(new URL("runner.js", options.programs).pathname, {
      ...env,
      NAME: name,
      PORT: `${await freePort()}`
    })
  const startClient = (name: string, seconds: number): Program =>
    programs.start(new URL("client.js", options.programs).pathname, {
      ...env,
      NAME: name,
      SECONDS: `${seconds}`,
      RATE: `${options.rate}`
    })
  /** All shards are held, by these runners, each of which has about its share. */
  const held = (ms: number, what: string, ...names: ReadonlyArray<string>): Promise<void> =>
    until(ms, what, async () => {
      const shards = await shardsOf(query)
      const mine = names.map((name) => shards[name] ?? 0)
      const share = SHARDS / names.length
      return (
        mine.every((count) => count > share / 1.5) && mine.reduce((sum, count) => sum + count, 0) === SHARDS
      )
    })

  /** Tells a program to end, which it does as one that was told. */
  const endOf = async (program: Program, ms: number): Promise<number> => {
    program.signal("SIGTERM")
    const code = await program.ended(ms)
    if (code !== 143) throw new Error(`${program.name} ended with ${code}`)
    return Date.now()
  }

  const running: Array<Program> = []
  try {
    await query("create extension pg_stat_statements")
    await createLedger(query)

    const began = Date.now()
    // The first one makes the engine's tables: two that do it at once are in each other's way on Effect 3.
    running.push(await startRunner("runner-1"))
    await running[0]?.printed(start, "serves")
    for (const name of ["runner-2", "runner-3"]) running.push(await startRunner(name))
    const [first, second, third] = running as [Program, Program, Program]
    await Promise.all(running.map((runner) => runner.printed(start, "serves")))
    await held(start, "three runners share the shards", "runner-1", "runner-2", "runner-3")
    print(
      `three runners share ${SHARDS} shards after ${seconds(Date.now() - began)}: ${JSON.stringify(await shardsOf(query))}`
    )
    await sleep(2_000)
    const calls = await statements(query)
    await sleep(5_000)
    print(
      `idle: ${(((await statements(query)) - calls) / 5).toFixed(1)} statements a second of three runners`
    )

    const client = startClient("client-1", options.seconds)
    running.push(client)
    await client.printed(start, "asks")
    const asking = Date.now()
    await sleep(3_000)
    const busy = await statements(query)
    await sleep(3_000)
    print(
      `load: ${options.rate} messages a second, ${(((await statements(query)) - busy) / 3).toFixed(0)} statements a second`
    )

    const connections = await query(
      `select application_name as name, count(*)::int as connections from pg_stat_activity
       where application_name like 'runner%' or application_name like 'client%' group by 1 order by 1`
    )
    print(
      `connections: ${(connections as Array<Connections>).map((one) => `${one.name} ${one.connections}`).join(", ")}`
    )

    const killed = Date.now()
    first.signal("SIGKILL")
    await first.ended(1_000)
    await held(takeover, "the shards of the killed runner are taken over", "runner-2", "runner-3")
    const taken = Date.now()
    print(`SIGKILL: the others have its shards after ${seconds(taken - killed)}`)
    // What has waited for the takeover is served first: an order that stops serves what it has in its mailbox. Where a fifth of
    // a second's questions is under way, nothing waits.
    const settled = async () => (await unanswered(query)) < options.rate / 3
    await until(takeover, "what has waited for the takeover is answered", settled).catch(({ message }) =>
      print(message)
    )

    const told = Date.now()
    const [ended, handed] = await Promise.all([
      endOf(second, handover),
      held(handover, "the shards of the stopped runner are taken over", "runner-3").then(() => Date.now())
    ])
    print(
      `SIGTERM: ended after ${seconds(ended - told)}; its shards were handed over after ${seconds(handed - told)}`
    )

    const rest = Math.max(0, options.seconds * 1_000 - (Date.now() - asking))
    await client.printed(rest + takeover + BACKLOG, "has asked")
    const answered = Date.now()
    await endOf(client, 10_000)
    print(
      `every answer had come ${seconds(Math.max(0, answered - asking - options.seconds * 1_000))} after the last question`
    )

    const runners = [first, second, third]
    const unsure = () => Object.fromEntries(runners.map((runner) => [runner.name, unsureOf(runner)]))
    const events: Events = {
      killed: { "runner-1": killed },
      stopped: { "runner-2": ended },
      outages: [],
      unsure: unsure()
    }
    const ledger = await readLedger(query, await readStored(query))
    const waits = (from: number, to: number): string => {
      const mine = ledger.asked.filter((one) => one.asked >= from && one.asked < to && one.answered !== null)
      const sorted = mine.map((one) => (one.answered ?? 0) - one.asked).sort((a, b) => a - b)
      const at = (share: number) =>
        sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
      return `half within ${at(0.5)} ms, 99 % within ${at(0.99)} ms, the last after ${at(1)} ms, of ${sorted.length}`
    }
    print(`the machine has ${availableParallelism()} cores, and a load of ${loadavg()[0]?.toFixed(1)}`)
    print(`answers before: ${waits(asking + 3_000, killed - 1_000)}`)
    print(`answers asked during the takeover: ${waits(killed - 1_000, taken)}`)
    print(`answers asked during the handover: ${waits(told - 1_000, handed)}`)
    const verdict = check(ledger, events)
    for (const complaint of verdict.complaints) print(`COMPLAINT: ${complaint}`)
    print(
      `${ledger.asked.length} questions, ${ledger.runs.length} runs, ${ledger.paid.length} payments: ${verdict.again} served again, ` +
        `${verdict.deduplicated} answered by their key, ${verdict.refused} quotes interrupted; a runner was ` +
        `${Object.values(events.unsure).flat().length} times not sure of its shards; ${verdict.complaints.length} complaints`
    )
    // The database goes away for less than the runners' patience, while it is asked, and for longer than they take to see it.
    const away = options.settings === "fast" ? 3_000 : 13_000
    const later = startClient("client-2", away / 1_000 + 5)
    running.push(later)
    await later.printed(start, "asks")
    await sleep(2_000)
    const gone = Date.now()
    await pool.end()
    await postgres.stop()
    await sleep(away)
    await postgres.start()
    const back = Date.now()
    pool = openPool(postgres.url, "exam", 2)
    await later.printed(away + takeover + BACKLOG, "has asked")
    const answeredLater = Date.now()
    await endOf(later, 10_000)
    const after = check(await readLedger(query, await readStored(query)), {
      ...events,
      unsure: unsure(),
      outages: [[gone, Date.now()]]
    })
    for (const complaint of after.complaints) print(`COMPLAINT: ${complaint}`)
    print(
      `storage away for ${seconds(back - gone)}: every answer had come ${seconds(answeredLater - back)} after it was back, ${after.again} served again, ${after.refused} quotes interrupted, ${after.complaints.length} complaints`
    )

    // And for good.
    await pool.end()
    await postgres.stop()
    const lost = Date.now()
    const end = await third.ended(patience + 20_000)
    print(`storage gone for good: the runner ended after ${seconds(Date.now() - lost)} with ${end}`)
    if (end !== 1 || !third.output().includes("the storage has been away")) throw new Error(third.output())
    return verdict.complaints.length + after.complaints.length === 0
  } catch (error) {
    for (const program of running) print(`== ${program.name}\n${program.output()}`)
    throw error
  } finally {
    await programs.end()
    await Promise.all([bank.close(), pool.ended ? undefined : pool.end()])
  }
}

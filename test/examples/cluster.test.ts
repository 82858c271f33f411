// The example of a cluster without its servers: in memory, and what its check finds. What becomes of its orders when a runner
// stops is in test/platform.
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { check, type Events } from "../../examples/cluster/check.js"
import type { Asked, Ledger, Run } from "../../examples/cluster/ledger.js"
import { runLoad } from "../../examples/cluster/load.js"
import { compiled } from "../support/compiled.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

describe("examples/cluster", () => {
  it("--once: in memory, each message is answered once, and two with one key by one run", async () => {
    const output = await new Promise<string>((resolve, reject) => {
      execFile(
        process.execPath,
        [compiled("examples/cluster/main.ts"), "--once"],
        { cwd: root, env: { ...process.env, NODE_OPTIONS: "" } },
        (error, stdout, stderr) => (error === null ? resolve(stdout) : reject(new Error(stdout + stderr)))
      )
    })
    expect(output).toBe("110 questions, 100 runs, 80 payments: 10 answered by their key, 0 complaints\n")
  }, 60_000)
})

const nothing: Events = { killed: {}, stopped: {}, outages: [], unsure: {} }

/** A payment that is asked at `at`, and answered ten milliseconds later by runner-1. */
const pay = (message: string, at: number) => {
  const asked: Asked = {
    message,
    kind: "Pay",
    attempt: 1,
    asked: at,
    answered: at + 10,
    run: `run of ${message}`,
    failure: null
  }
  const run: Run = {
    run: `run of ${message}`,
    message,
    kind: "Pay",
    runner: "runner-1",
    began: at + 1,
    ended: at + 9
  }
  return { asked, run }
}

const [a, b] = [pay("a", 1_000), pay("b", 2_000)]
const whole: Ledger = {
  asked: [a.asked, b.asked],
  runs: [a.run, b.run],
  paid: [
    { message: "a", run: a.run.run },
    { message: "b", run: b.run.run }
  ],
  stored: [
    { message: "a", replies: 1 },
    { message: "b", replies: 1 }
  ]
}

/** `b` as it is where its first run was cut, and a second one has answered. */
const second: Run = { ...b.run, run: "second run of b", runner: "runner-2", began: 5_000, ended: 5_010 }
const again: Ledger = {
  ...whole,
  asked: [a.asked, { ...b.asked, run: second.run, answered: 5_020 }],
  runs: [a.run, { ...b.run, ended: null }, second],
  paid: [
    { message: "a", run: a.run.run },
    { message: "b", run: second.run }
  ]
}

describe("examples/cluster: the check", () => {
  it("has no complaint about a ledger in which each message was served and answered once", () => {
    expect(check(whole, nothing)).toEqual({ complaints: [], again: 0, deduplicated: 0, refused: 0 })
  })

  it("counts a question that had the answer of another one by their key", () => {
    const twice = { ...whole, asked: [...whole.asked, { ...b.asked, attempt: 2 }] }
    expect(check(twice, nothing)).toMatchObject({ complaints: [], deduplicated: 1 })
  })

  const planted: ReadonlyArray<readonly [name: string, complaint: RegExp, ledger: Ledger, events?: Events]> =
    [
      [
        "an answer that is lost",
        /^b: attempt 1 has no answer: lost$/,
        { ...whole, asked: [a.asked, { ...b.asked, run: null, answered: null }] }
      ],
      [
        "a failure in the place of an answer",
        /^b: attempt 1 has no answer: refused$/,
        { ...whole, asked: [a.asked, { ...b.asked, run: null, failure: "refused" }] }
      ],
      [
        "an answer that no run has given",
        /^b: answered by a run that is not in the ledger$/,
        { ...whole, asked: [a.asked, { ...b.asked, run: "nobody's" }] }
      ],
      [
        "two answers to one key",
        /^b: two different answers$/,
        {
          ...whole,
          asked: [...whole.asked, { ...b.asked, attempt: 2, run: second.run }],
          runs: [a.run, b.run, second]
        }
      ],
      [
        "a payment that was not made",
        /^b: paid 0 times$/,
        { ...whole, paid: whole.paid.filter(({ message }) => message !== "b") }
      ],
      [
        "a payment that was made twice",
        /^b: paid 2 times$/,
        { ...whole, paid: [...whole.paid, { message: "b", run: "another" }] }
      ],
      [
        "a message that is not stored",
        /^b: stored 0 times$/,
        { ...whole, stored: whole.stored.filter(({ message }) => message !== "b") }
      ],
      [
        "two answers that are stored",
        /^b: 2 answers are stored$/,
        { ...whole, stored: [{ message: "b", replies: 2 }] }
      ],
      [
        "a message that was cut for good",
        /^b: cut at runner-1, and not served again$/,
        { ...whole, runs: [a.run, { ...b.run, ended: null }] }
      ],
      ["a message that was served twice", /^b: served again after runner-1, without need$/, again],
      [
        "a message that a stopped runner has not ended",
        /^b: served again after runner-1, without need$/,
        again,
        { ...nothing, stopped: { "runner-1": 3_000 } }
      ],
      [
        "a message that was served twice, when another runner was killed",
        /^b: served again after runner-1, without need$/,
        again,
        { ...nothing, killed: { "runner-2": 2_005 } }
      ],
      [
        "a message that was served again although it had been answered before the kill",
        /^b: served again after runner-1, without need$/,
        { ...whole, runs: [a.run, b.run, second] },
        { ...nothing, killed: { "runner-1": 2_500 } }
      ],
      [
        "a runner that works after its end",
        /^b: served by runner-1 after its end$/,
        whole,
        { ...nothing, killed: { "runner-1": 1_500 } }
      ],
      [
        "a run that nobody has asked for",
        /^c: nobody has asked$/,
        { ...whole, runs: [...whole.runs, pay("c", 3_000).run] }
      ]
    ]
  for (const [name, complaint, ledger, events = nothing] of planted) {
    it(`finds ${name}`, () => {
      expect(check(ledger, events).complaints).toContainEqual(expect.stringMatching(complaint))
    })
  }

  it.each<readonly [string, Events]>([
    ["its runner was killed", { ...nothing, killed: { "runner-1": 2_005 } }],
    ["the storage was away", { ...nothing, outages: [[2_005, 4_000]] }],
    ["its runner was not sure of its shards", { ...nothing, unsure: { "runner-1": [[2_005, 4_000]] } }]
  ])("has none about a message that was served again because %s", (_, events) => {
    expect(check(again, events)).toMatchObject({ complaints: [], again: 1 })
  })

  it("takes the refusal of a quote for its answer while the storage is away, and never else", () => {
    const quote: Ledger = {
      ...whole,
      asked: [
        ...whole.asked,
        {
          ...a.asked,
          message: "q",
          kind: "Quote",
          asked: 3_000,
          answered: 3_500,
          run: null,
          failure: "interrupted"
        }
      ],
      runs: [
        ...whole.runs,
        { ...a.run, run: "run of q", message: "q", kind: "Quote", began: 3_100, ended: null }
      ]
    }
    expect(check(quote, nothing).complaints).toHaveLength(2)
    expect(check(quote, { ...nothing, outages: [[3_200, 4_000]] })).toMatchObject({
      complaints: [],
      refused: 1
    })
  })
})

describe("examples/cluster: the load", () => {
  it("notes every question with its answer or its failure, and asks some payments twice", async () => {
    const seen: Array<string> = []
    const asked = await runLoad(
      (order, kind, message) => {
        seen.push(message)
        return kind === "Pay"
          ? Promise.resolve({ run: `run of ${message}`, runner: order })
          : Promise.reject(new Error("closed"))
      },
      { seconds: 0.1, rate: 200 },
      "c"
    )
    expect(asked).toHaveLength(22)
    expect(seen.filter((message) => message === "c-Pay-11")).toHaveLength(2)
    expect(asked.filter(({ kind }) => kind === "Quote").map(({ failure }) => failure)).toEqual(
      Array.from({ length: 4 }, () => "Error: closed")
    )
    expect(
      asked.filter(({ kind }) => kind === "Pay").every(({ message, run }) => run === `run of ${message}`)
    ).toBe(true)
  })
})

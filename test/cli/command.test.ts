// What the command was told.
// Covers: CliError
import { describe, expect, it } from "vitest"
import { CliError } from "../../src/cli/CliError.js"
import { parse, usage } from "../../src/cli/command.js"

const by = { inspector: false, port: undefined, sure: false }

const failure = (...args: ReadonlyArray<string>): CliError => {
  try {
    parse(args)
  } catch (error) {
    if (error instanceof CliError) return error
  }
  throw new Error(`${args.join(" ")} is a command`)
}

describe("the command", () => {
  it("is ps, dump or top, each with what it does where nothing is said", () => {
    expect(parse(["ps", "12"])).toEqual({ do: "print", pid: 12, form: "table", most: 10_000, ...by })
    expect(parse(["dump", "12"])).toEqual({
      do: "print",
      pid: 12,
      form: "json",
      most: 100_000,
      ...by
    })
    expect(parse(["top", "12"])).toEqual({ do: "top", pid: 12, every: 1_000, most: 10_000, ...by })
  })

  it("takes each option", () => {
    for (const form of ["tree", "json", "mermaid"] as const) {
      expect(parse(["ps", "12", `--${form}`])).toMatchObject({ form })
      expect(parse(["dump", "12", `--${form}`])).toMatchObject({ form })
    }
    expect(parse(["ps", "12", "--port", "9230", "--rows", "5", "--sure", "--inspector"])).toEqual({
      do: "print",
      pid: 12,
      form: "table",
      most: 5,
      inspector: true,
      port: 9230,
      sure: true
    })
    expect(parse(["top", "--every", "250", "12"])).toMatchObject({ every: 250 })
    expect(parse(["--help"])).toEqual({ do: "help" })
    expect(parse(["ps", "-h"])).toEqual({ do: "help" })
  })

  it.each([
    [[], usage],
    [["ps"], usage],
    [["ps", "1", "2"], usage],
    [["pss", "1"], usage],
    [["ps", "x"], 'a pid is a positive number, not "x"'],
    [["ps", "0"], 'a pid is a positive number, not "0"'],
    [["ps", "1.5"], 'a pid is a positive number, not "1.5"'],
    [["ps", "1", "--rows", "0"], '--rows is a positive number, not "0"'],
    [["ps", "1", "--rows", "100001"], "--rows is at most 100000"],
    [["ps", "1", "--port", "http"], '--port is a positive number, not "http"'],
    [["top", "1", "--every", "-"], '--every is a positive number, not "-"'],
    [["ps", "1", "--every", "5"], "--every is for top and ui"],
    [["top", "1", "--tree"], "top has no --tree: press t for a tree"],
    [["ps", "1", "--tree", "--json"], "one of --tree, --json and --mermaid"]
  ])("says what is wrong with it, and ends with 2: %j", (args, message) => {
    expect(failure(...args)).toMatchObject({ code: 2, message })
  })

  it("says which option it does not know", () => {
    expect(failure("ps", "1", "--nonsense")).toMatchObject({ code: 2 })
    expect(failure("ps", "1", "--nonsense").message).toContain("--nonsense")
  })
})

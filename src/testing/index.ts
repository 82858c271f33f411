/** What tests of programs on a loop need: a loop whose promise code follows the test's clock, too. */

export * as TestLoop from "./TestLoop.js"

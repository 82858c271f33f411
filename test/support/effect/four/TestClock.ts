export * from "effect4/testing/TestClock"

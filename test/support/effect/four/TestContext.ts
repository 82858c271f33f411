import type * as Layer from "effect4/Layer"
import * as TestClock from "effect4/testing/TestClock"

export const TestContext: Layer.Layer<TestClock.TestClock> = TestClock.layer()

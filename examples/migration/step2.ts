// Step 2 of 5: the same program, unchanged, on a loop. The shutdown code of step 1 is gone:
//
//   - `Loop.run` has the signals, the exit codes and the deadline. A second Ctrl-C works.
//   - an error that nobody owns closes the program in order, where it ended the process at once.
//   - what does not end is named when the deadline passes: what, since when, and what it waits for.
//
// The program is one task of the loop, whose `signal` takes the place of the hand-written one.
import { Loop, runAioCoroutine } from "effect-aio"
import { service } from "./service.js"

const main = runAioCoroutine(({ signal }) => service(signal), { name: "service" })

void Loop.run(main, { name: "payments", closeDeadline: "10 seconds" })

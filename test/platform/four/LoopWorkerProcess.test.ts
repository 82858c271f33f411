import { endsOfWorkers } from "../../support/platform/workersProcess.js"

endsOfWorkers("test/fixtures/platform/four/workers.ts", 130)

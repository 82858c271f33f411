import { endsOfWorkers } from "../../support/platform/workersProcess.js"

endsOfWorkers("test/fixtures/platform/three/workers.ts", 0)

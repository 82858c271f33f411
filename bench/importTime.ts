/**
 * What an import costs a new process: `node dist/importTime.js LAST FIRST...` imports the modules FIRST, then LAST, and writes
 * the milliseconds that the last one took: of wall time and of CPU time.
 */
const [last = "", ...first] = process.argv.slice(2)
for (const module of first) await import(module)
const start = performance.now()
const used = process.cpuUsage()
await import(last)
const { system, user } = process.cpuUsage(used)
console.log(JSON.stringify({ wall: performance.now() - start, cpu: (system + user) / 1000 }))

/** On Effect 4 the platform has no WorkerManager, and RPC in its place. */
export const workers = []

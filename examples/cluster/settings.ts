// How soon a cluster notices that one of its runners has gone: the engine's own settings, by name. docs/scale.md has what each
// of them costs. They are the same for all runners and clients of a cluster.

export const settings = {
  /** What the engine does without a word: after a SIGKILL somebody else has the shards in about half a minute. */
  defaults: {},
  /** The same within five seconds. */
  fast: {
    // A runner is gone when it has not been heard of for so long. It says that it is there three times in this time, at least.
    shardLockExpiration: "4 seconds",
    // How often each runner looks who is there.
    refreshAssignmentsInterval: "500 millis",
    // How often it looks for messages that nobody has told it of, and tries again to get shards that others still hold.
    entityMessagePollInterval: "1 second"
  }
} as const

export type SettingsName = keyof typeof settings
export const isSettingsName = (name: string | undefined): name is SettingsName =>
  name !== undefined && Object.hasOwn(settings, name)

// Effect's cluster with PostgreSQL as its storage, for a runner (which has an address) and for a client (which has none).
import * as RunnerAddress from "@effect/cluster/RunnerAddress"
import type * as ShardingConfig from "@effect/cluster/ShardingConfig"
import { NodeClusterSocket } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { Layer, Option, Redacted } from "effect"
import { options } from "../options.js"

const { database, name, port, settings } = options()

const postgres = PgClient.layer({ url: Redacted.make(database), applicationName: name, maxConnections: 5 })

const shardingConfig = (
  address: RunnerAddress.RunnerAddress | undefined
): Partial<ShardingConfig.ShardingConfig["Type"]> => ({
  ...settings,
  // How long what runs may take to end when its runner stops. The loop's `closeDeadline`, 10 seconds, has to be longer.
  entityTerminationTimeout: "7 seconds",
  runnerAddress: Option.fromNullable(address)
})

export const runnerLayer = NodeClusterSocket.layer({
  storage: "sql",
  shardingConfig: shardingConfig(RunnerAddress.make("127.0.0.1", port))
}).pipe(Layer.provideMerge(postgres))

export const clientLayer = NodeClusterSocket.layer({
  storage: "sql",
  clientOnly: true,
  shardingConfig: shardingConfig(undefined)
}).pipe(Layer.provide(postgres))

// What a runner or a client is told by whoever starts it.
import { isSettingsName, settings } from "../settings.js"

const said = (name: string): string => {
  const value = process.env[name]
  if (value === undefined || value === "") throw new Error(`${name} is not set`)
  return value
}

export const options = () => {
  const name = process.env["SETTINGS"]
  return {
    /** postgres://… */
    database: said("DATABASE"),
    bank: process.env["BANK"] ?? "",
    /** Whose connections and runs are whose. */
    name: said("NAME"),
    port: Number(process.env["PORT"] ?? 0),
    settings: settings[isSettingsName(name) ? name : "defaults"],
    /** How long a runner does without its database before it gives up. */
    patience: Number(process.env["PATIENCE"] ?? 15_000),
    /** What a client asks. */
    load: { seconds: Number(process.env["SECONDS"] ?? 10), rate: Number(process.env["RATE"] ?? 50) }
  }
}

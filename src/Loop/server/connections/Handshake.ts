/** A connection that has not agreed on its encryption yet: it says nothing that could be answered. */
import { Connection } from "./Connection.js"

export class Handshake extends Connection {
  finish(): void {}

  late(): void {
    this.destroy()
  }

  cut(): void {
    this.destroy()
  }

  protected state(): [string, string] {
    return ["in its handshake", "its client"]
  }
}

import nodemailer from "nodemailer"
import { acquireAio, fromAio } from "effect-aio"
import { program, url } from "./_harness.mjs"

const open = acquireAio({
  name: "mail",
  open: () => nodemailer.createTransport({ url, pool: true }),
  close: (transport) => transport.close()
})

// recipe: sending takes no signal, and closing the transport does not end a greeting that is waited for: hence a grace
const send = (transport, mail) => {
  const options = { name: `mail to ${mail.to}`, grace: "200 millis", cancel: () => transport.close() }
  return fromAio(() => transport.sendMail(mail), options)()
}
// end

const mail = { from: "a@example.org", to: "b@example.org", text: "hello" }
program({ open, call: (transport) => send(transport, mail) })
